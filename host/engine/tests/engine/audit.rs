//! Nothing of a plugin runs before it was found to want only what it may have.

use engine::{AuditError, Grant, Grants, Limits, LoadError, Outcome, Phase, StoreError};

use crate::support::{Guest, try_load};

fn leasing() -> Guest {
    let guest = Guest::allocating("(call $held (i32.const 512)) (i32.const 16)");
    guest.import("wasm-cni:plugin/leases@0.1.0", "held", "(param i32)")
}

#[test]
fn an_unknown_import_is_refused_by_name() {
    let guest = Guest::allocating("(call $run) (i32.const 16)");
    let guest = guest.import("evil:host/exec@0.1.0", "run", "");
    let refused = try_load(&guest.component()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("it imports \"evil:host/exec@0.1.0\""),
        "{refused}"
    );
    let import = "evil:host/exec@0.1.0".to_owned();
    let StoreError::Load(LoadError::Audit { source, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(source, AuditError::UnknownImport { import });
}

#[test]
fn an_import_that_is_no_interface_is_refused() {
    let wasm = wat::parse_str(r#"(component (import "run" (func)))"#).unwrap();
    let refused = try_load(&wasm).unwrap_err();
    assert!(
        refused.to_string().contains("\"run (not an interface)\""),
        "{refused}"
    );
}

#[test]
fn a_component_without_a_role_is_refused() {
    let refused = try_load(&wat::parse_str("(component)").unwrap()).unwrap_err();
    assert!(
        refused.to_string().contains("so it is no plugin"),
        "{refused}"
    );
}

#[test]
fn a_plugin_is_known_by_what_it_imports() {
    let plugin = try_load(&leasing().component()).unwrap();
    assert!(
        plugin
            .interface()
            .imports
            .iter()
            .any(|name| name == "wasm-cni:plugin/leases@0.1.0")
    );
    assert!(
        !plugin
            .interface()
            .imports
            .iter()
            .any(|name| name.contains("storage"))
    );
    assert!(!plugin.interface().uses_wasi());
}

#[test]
fn an_import_without_its_grant_is_refused_before_anything_runs() {
    let plugin = try_load(&leasing().component()).unwrap();
    let grants = Grants::parse(["storage"]).unwrap();
    let refused = plugin.ipam(&grants, Limits::default()).err().unwrap();
    assert_eq!(refused.phase, Phase::StartUp);
    assert!(
        matches!(
            refused.outcome,
            Outcome::NotGranted {
                grant: Grant::Leases,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(
        refused.to_string(),
        "plugin guest, start-up: it imports \"wasm-cni:plugin/leases@0.1.0\" but has no grant `leases`; add \"leases\" to \
         its `grants` if it shall have that"
    );
    assert!(plugin.ipam(&Grants::ipam(), Limits::default()).is_ok());
}

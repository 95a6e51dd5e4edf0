//! Components that are part of the executable run where they lie, and also where they can't.

use engine::{Grants, Limits, LoadError, Target, compile};
use plan::Addressing;

use crate::support::{ENGINE, Guest, Recorder, attachment, embedded};

#[test]
fn a_builtin_runs_on_a_page_and_off_it_and_twice() {
    let native = compile(&Guest::default().component(), Target::Baseline).unwrap();
    let on_a_page = embedded(&native, 0);
    for embedded in [on_a_page, on_a_page, embedded(&native, 16)] {
        let plugin = ENGINE.load_builtin("host-local", embedded).unwrap();
        assert_eq!((plugin.name(), plugin.digest()), ("host-local", None));
        let ipam = plugin.ipam(&Grants::ipam(), Limits::default()).unwrap();
        let given = ipam.allocate(Recorder::default().services(), &attachment(), "{}", None);
        assert_eq!(given.unwrap(), Addressing::default());
    }
}

#[test]
fn what_is_no_precompiled_component_is_refused() {
    for bytes in [&b""[..], b"\x7fELF", &Guest::default().component()] {
        let refused = ENGINE.load_builtin("host-local", embedded(bytes, 0));
        assert!(
            matches!(refused, Err(LoadError::Incompatible { .. })),
            "{refused:?}"
        );
    }
}

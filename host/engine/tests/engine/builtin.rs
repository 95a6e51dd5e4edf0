//! Components that are part of the executable run where they lie, and also where they can't.

use std::alloc::{Layout, alloc_zeroed};
use std::slice;

use engine::{Builtin, Grants, Limits, LoadError, Target, compile};
use plan::Addressing;

use crate::support::{ENGINE, Guest, Recorder, attachment};

const PAGE: usize = 64 << 10;

/// Bytes `offset` behind the beginning of a page, on pages of their own, as an executable would hold them.
fn embed(bytes: &[u8], offset: usize) -> &'static [u8] {
    let size = (offset + bytes.len()).next_multiple_of(PAGE);
    let layout = Layout::from_size_align(size, PAGE).unwrap();
    // SAFETY: the size is not zero; the memory is never freed and only read from here on.
    #[allow(
        unsafe_code,
        reason = "memory with the alignment of an executable's section"
    )]
    unsafe {
        let start = alloc_zeroed(layout);
        assert!(!start.is_null());
        let embedded = slice::from_raw_parts_mut(start.add(offset), bytes.len());
        embedded.copy_from_slice(bytes);
        embedded
    }
}

fn builtin(bytes: &[u8], offset: usize) -> Builtin {
    // SAFETY: the callers have the bytes from `compile`, or from nobody, in which case wasmtime finds no code in them.
    #[allow(unsafe_code, reason = "precompiled code is native code")]
    unsafe {
        Builtin::from_precompiled(embed(bytes, offset))
    }
}

#[test]
fn a_builtin_runs_on_a_page_and_off_it_and_twice() {
    let native = compile(&Guest::default().component(), Target::Baseline).unwrap();
    let on_a_page = builtin(&native, 0);
    for embedded in [on_a_page, on_a_page, builtin(&native, 16)] {
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
        let refused = ENGINE.load_builtin("host-local", builtin(bytes, 0));
        assert!(
            matches!(refused, Err(LoadError::Incompatible { .. })),
            "{refused:?}"
        );
    }
}

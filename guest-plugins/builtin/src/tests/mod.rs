mod ipam;
mod policy;

use wasm_cni_guest::Failure;

/// The text of a refused configuration.
fn refused<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
    match answer {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{other:?}"),
    }
}

//! A guest that never ends its own start: it loops while it is instantiated, before any function is called.

use wasm_cni_guest::{Allocation, Attachment, Dns, Failure, Host, Ipam};

/// The guest.
#[derive(Debug)]
pub struct Never;

impl Ipam for Never {
    fn configure(_: &str) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn allocate(
        &self,
        _: &Attachment,
        _: Option<Dns>,
        _: &impl Host,
    ) -> Result<Allocation, Failure> {
        Ok(Allocation::default())
    }
}

wasm_cni_guest::export_ipam!(Never);

/// A module's export of this name becomes the start of its component.
#[cfg(target_family = "wasm")]
#[allow(
    unsafe_code,
    reason = "the name is the contract of a WASI reactor; nothing else has it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count).wrapping_add(1);
    }
}

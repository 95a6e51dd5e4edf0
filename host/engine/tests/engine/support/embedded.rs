use std::alloc::{Layout, alloc_zeroed};
use std::slice;

use engine::Builtin;

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

/// What a build would embed.
pub(crate) fn embedded(bytes: &[u8], offset: usize) -> Builtin {
    // SAFETY: the callers have the bytes from `compile`, or from nobody, in which case wasmtime finds no code in them.
    #[allow(unsafe_code, reason = "precompiled code is native code")]
    unsafe {
        Builtin::from_precompiled(embed(bytes, offset))
    }
}

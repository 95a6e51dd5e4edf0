use std::ffi::c_void;
use std::ptr::NonNull;

use nix::sys::mman::{ProtFlags, mprotect};
use nix::unistd::{SysconfVar, sysconf};
use wasmtime::CustomCodeMemory;

/// Makes the text of precompiled code executable in place, also where it is part of this very executable.
pub(crate) struct PageProtection {
    page_size: usize,
}

impl PageProtection {
    pub(crate) fn new() -> Self {
        Self {
            page_size: page_size(),
        }
    }
}

/// The kernel's page size in bytes.
pub(crate) fn page_size() -> usize {
    let reported = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    reported
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(4096)
}

impl CustomCodeMemory for PageProtection {
    fn required_alignment(&self) -> usize {
        self.page_size
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        let Some(start) = NonNull::new(start.cast_mut().cast::<c_void>()) else {
            return Ok(());
        };
        // SAFETY: wasmtime hands in the text section of an image that it has just checked and that stays mapped as long as
        // code of it can run: either a mapping of its own or a `Builtin`, which lives as long as the process. Pages only
        // lose the right to be written (they have never been written, neither kind of mapping is writable by then), so no
        // Rust reference to them is invalidated: reading stays allowed.
        #[allow(unsafe_code, reason = "mprotect has no safe wrapper")]
        unsafe {
            mprotect(start, length, ProtFlags::PROT_READ | ProtFlags::PROT_EXEC)?;
        }
        Ok(())
    }

    /// Leaves the pages as they are: wasmtime unmaps its own mappings right after this, and a built-in's pages may be in
    /// use by another component loaded from the same bytes.
    fn unpublish_executable(&self, _start: *const u8, _length: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}

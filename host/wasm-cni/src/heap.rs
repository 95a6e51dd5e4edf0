//! The heap of a process that lives for milliseconds.

use std::hint::black_box;
use std::ptr::NonNull;

use nix::libc::{M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, c_int, mallopt};
use nix::sys::mman::{MmapAdvise, madvise};
use nix::unistd::{SysconfVar, sysconf};

/// What an ADD with one plugin uses, in bytes.
const USED: usize = 352 << 10;
/// Larger allocations get a mapping of their own, in bytes. LMDB makes some of a MiB and more, of which it touches a page or
/// two: in the heap they would take the pages that are present.
const MAPPED: c_int = 512 << 10;
/// So much stays when it is free, in bytes.
const KEPT: c_int = 4 << 20;

/// Has the kernel make the heap's first pages present at once. Touched one by one they cost a fault each, all together a 30th
/// of an ADD.
///
/// A kernel before 5.14 has no such request; then they come one by one.
pub(crate) fn populate() {
    for (parameter, bytes) in [(M_MMAP_THRESHOLD, MAPPED), (M_TRIM_THRESHOLD, KEPT)] {
        // SAFETY: takes two integers, and no other thread runs yet.
        #[allow(unsafe_code, reason = "no safe wrapper")]
        unsafe {
            mallopt(parameter, bytes);
        }
    }
    let used: Vec<u8> = black_box(Vec::with_capacity(USED));
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let Some(page) = page.and_then(|size| usize::try_from(size).ok()) else {
        return;
    };
    let before = used.as_ptr().align_offset(page);
    let start = used.as_ptr().cast_mut().wrapping_add(before);
    if let (Some(start), Some(length)) = (NonNull::new(start), USED.checked_sub(before)) {
        // SAFETY: the pages are the heap's, are made present, and keep what they hold.
        #[allow(unsafe_code, reason = "no safe wrapper")]
        let _ = unsafe { madvise(start.cast(), length, MmapAdvise::MADV_POPULATE_WRITE) };
    }
}

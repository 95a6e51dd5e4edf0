//! Room for removing: a transaction that removes something needs pages as well before it frees any, so a file system that
//! is full to the last page could never be cleared up.

use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use super::{Environment, MAP_BYTES, file_error};
use crate::StoreError;
use crate::transaction::Writing;

/// What stays allocated behind the last page in use: several transactions that remove an attachment, at a few dozen
/// pages each, and by then the pages that the first ones freed are in use again.
const HEADROOM: i64 = 512 << 10;
/// LMDB takes the system's page size; less than that here only makes the headroom smaller.
const PAGE_BYTES: usize = 4096;

impl Environment {
    /// As [`Environment::write`], for what makes the file grow: refused while no room is left for removing it later.
    pub(crate) fn write_growing<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&mut Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.require_headroom()?;
        self.write(f)
    }

    fn require_headroom(&self) -> Result<(), StoreError> {
        let pages = self.env.info().last_page_number.saturating_add(1);
        let used = i64::try_from(pages.saturating_mul(PAGE_BYTES)).unwrap_or(i64::MAX);
        let map = i64::try_from(MAP_BYTES).unwrap_or(i64::MAX);
        if used.saturating_add(HEADROOM) > map && !self.has_free_pages(pages) {
            return Err(StoreError::MapFull);
        }
        let failed = |error| file_error("allocate", &self.path, error);
        let file = self.env.try_clone_inner_file()?;
        let allocated = file
            .metadata()
            .map_err(failed)?
            .blocks()
            .saturating_mul(512);
        if i64::try_from(allocated).is_ok_and(|bytes| bytes >= used.saturating_add(HEADROOM)) {
            return Ok(());
        }
        // From the start of the file: holes count as missing above.
        let wanted = used.saturating_add(HEADROOM.saturating_mul(2));
        match fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, wanted) {
            // Not every file system can; those do not live in memory.
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::EINTR) => Ok(()),
            Err(Errno::ENOSPC) if self.has_free_pages(pages) => Ok(()),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// The file never shrinks: what was removed is room inside of it.
    fn has_free_pages(&self, pages: usize) -> bool {
        let stat = self.env.unnamed_database_stat();
        let used = stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
        let free = pages.saturating_sub(used).saturating_mul(PAGE_BYTES);
        i64::try_from(free).is_ok_and(|free| free >= HEADROOM)
    }
}

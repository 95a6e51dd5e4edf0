use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use plan::NetnsIdentity;

use super::Linux;
use crate::linux::undo::reopen;
use crate::{KernelError, Netns};

impl Linux {
    /// A way into a namespace whose path may be gone: a process that lives in it.
    pub(super) fn entrance(&self, netns: &NetnsIdentity) -> Result<Option<Netns>, KernelError> {
        let Some(nsid) = netns.nsid else {
            return reopen(netns);
        };
        // What is at the path now is of no interest unless it is the namespace.
        if let Ok(Some(open)) = reopen(netns) {
            return Ok(Some(open));
        }
        let mut seen = BTreeSet::new();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let path = process.path().join("ns/net");
            // Processes end meanwhile, and what is in /proc besides has no namespaces.
            let Ok(file) = File::open(&path) else {
                continue;
            };
            if file.metadata().is_ok_and(|data| seen.insert(data.ino()))
                && self.host.nsid(file.as_raw_fd()).ok().flatten() == Some(nsid)
                && let Some(found) = entered(&path, netns)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn entered(path: &Path, recorded: &NetnsIdentity) -> Option<Netns> {
    let netns = Netns::open(path).ok()?;
    (netns.cookie() == recorded.cookie).then_some(netns)
}

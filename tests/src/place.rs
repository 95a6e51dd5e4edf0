use std::path::PathBuf;

use anyhow::Result;

use crate::{Node, Outside, Pod, in_netns};

/// Where a socket can be opened.
pub trait Place: Sync {
    /// The path by which this process reaches the network namespace.
    fn namespace(&self) -> PathBuf;
}

impl Place for Node {
    fn namespace(&self) -> PathBuf {
        self.own_namespace()
    }
}

impl Place for Pod<'_> {
    fn namespace(&self) -> PathBuf {
        self.own_namespace()
    }
}

impl Place for Outside<'_> {
    fn namespace(&self) -> PathBuf {
        self.pod().own_namespace()
    }
}

/// Does work on a thread that is inside.
pub(crate) fn inside<T: Send>(
    place: &dyn Place,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    in_netns(&place.namespace(), work)
}

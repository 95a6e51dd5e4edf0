use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The boot id is not one.
    #[error(
        "{0:?} is no boot id; /proc/sys/kernel/random/boot_id holds one: 36 characters, hexadecimal digits and hyphens"
    )]
    InvalidBootId(String),
    /// A file or directory of the store could not be made or opened.
    #[error("state store: can't {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else could change the state.
    #[error(
        "state store: {path} must be a directory that belongs to this user and that nobody else can write to; correct its owner and mode, or remove it"
    )]
    InsecureDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Another process is filling a store that it has just created.
    #[error(
        "state store: another process has been creating {path} for more than {waited:?}; try again"
    )]
    CreationBusy {
        /// The store's directory.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// This process has just created the store and has not yet said what must not be handed out.
    #[error(
        "state store: nothing can be reserved or recorded before the newly created store is finished"
    )]
    NotFinished,
    /// The store was written by a newer version.
    #[error(
        "state store: {path} has format {found}, this version knows only {supported}; install the newer wasm-cni again, or drain the node and reboot it"
    )]
    NewerFormat {
        /// The store's directory.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format that this version knows.
        supported: u32,
    },
    /// An LMDB environment may be open once in a process.
    #[error(
        "state store: {path} is open in this process already; share that handle, it can be cloned"
    )]
    AlreadyOpen {
        /// The environment's directory.
        path: PathBuf,
    },
    /// The file system is full.
    #[error(
        "state store: no space is left on the file system that holds it; free some (for /run: memory)"
    )]
    NoSpace,
    /// The store has reached its greatest size.
    #[error(
        "state store: it has reached its greatest size, 1 GiB; remove dead attachments (`wasm-cnictl gc`)"
    )]
    MapFull,
    /// More processes read at once than the store has room for.
    #[error("state store: more than 4096 processes read it at once; try again")]
    ReadersFull,
    /// What a plugin read has been changed by another call: run the plugin again.
    #[error(
        "what plugin {plugin} read in its storage was changed by another call meanwhile ({what}); try again"
    )]
    Conflict {
        /// The plugin.
        plugin: String,
        /// What was read.
        what: String,
    },
    /// A port of the host belongs to another attachment.
    #[error(
        "{claim} of the host belongs to attachment {holder}; choose another port, or remove that attachment first"
    )]
    PortTaken {
        /// The port.
        claim: plan::PortClaim,
        /// Who has it.
        holder: Box<plan::Attachment>,
    },
    /// A port of the host leads to a container whose record is lost.
    #[error(
        "{claim} of the host leads to {target}, a container whose record is lost; choose another port, or delete that container: the port is free when its interface is gone"
    )]
    PortQuarantined {
        /// The port.
        claim: plan::PortClaim,
        /// The container's address and port.
        target: std::net::SocketAddr,
    },
    /// A plugin's storage is full.
    #[error("storage of plugin {plugin} on this network would need {needed} bytes, it has {quota}")]
    QuotaExceeded {
        /// The plugin.
        plugin: String,
        /// Bytes of all keys and values together.
        needed: u64,
        /// Bytes.
        quota: u64,
    },
    /// There is no record of this attachment.
    #[error("state store: there is no record of attachment {0}")]
    NoRecord(plan::Attachment),
    /// Something was found that this version can't have written.
    #[error("state store: {what} can't be read; if it happens again, drain the node and reboot it")]
    Corrupt {
        /// What it is.
        what: &'static str,
        /// What the decoder said, if one did.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// Something could not be written as JSON.
    #[error("state store: {what} can't be written as JSON: {source}")]
    Encode {
        /// What it is.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// LMDB failed otherwise.
    #[error("state store: {0}")]
    Lmdb(#[source] heed::Error),
}

impl StoreError {
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Corrupt { what, source: None }
    }
}

impl From<heed::Error> for StoreError {
    fn from(error: heed::Error) -> Self {
        match error {
            heed::Error::Mdb(heed::MdbError::MapFull) => Self::MapFull,
            heed::Error::Mdb(heed::MdbError::ReadersFull) => Self::ReadersFull,
            heed::Error::Io(cause) if cause.kind() == io::ErrorKind::StorageFull => Self::NoSpace,
            error => Self::Lmdb(error),
        }
    }
}

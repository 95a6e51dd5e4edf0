//! Plugins written as text, and a host that remembers what they asked.

mod component;
mod host;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{
    AttachmentInfo, CallError, Engine, Grants, Ipam, Limits, Outcome, Plugin, PluginStore,
    StoreError,
};
use plan::Addressing;
use tempfile::TempDir;

pub(crate) use self::component::Guest;
pub(crate) use self::host::Recorder;

pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

/// Half a second into a day long ago.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_000_000_500)
}

/// A store in a directory of its own.
pub(crate) fn store() -> (TempDir, PluginStore) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap().join("plugins");
    (directory, PluginStore::at(root))
}

pub(crate) fn try_load(wasm: &[u8]) -> Result<Plugin, StoreError> {
    let (_directory, store) = store();
    store.install(&ENGINE, "guest", wasm, now())?;
    store.open(&ENGINE, "guest", None)
}

pub(crate) fn ipam(guest: &Guest, limits: Limits) -> Ipam {
    let plugin = try_load(&guest.component()).unwrap();
    plugin.ipam(&Grants::ipam(), limits).unwrap()
}

pub(crate) fn attachment() -> AttachmentInfo {
    AttachmentInfo {
        network: "pods".to_owned(),
        container_id: "c1".to_owned(),
        interface_name: "eth0".to_owned(),
        pod: None,
        requested: Vec::new(),
    }
}

pub(crate) fn allocate(guest: &Guest, limits: Limits) -> Result<Addressing, CallError> {
    let recorder = Recorder::default();
    ipam(guest, limits).allocate(recorder.services(), &attachment(), "{}", None)
}

/// How an `allocate` ended that has to fail.
pub(crate) fn outcome(guest: &Guest, limits: Limits) -> Outcome {
    allocate(guest, limits).unwrap_err().outcome
}

//! Plugins written as text, and a host that remembers what they asked.

mod component;
mod embedded;
mod host;
mod proposal;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{
    AttachmentInfo, CallError, Engine, Grants, Ipam, Limits, Outcome, Plugin, PluginStore, Policy,
    StoreError, Target, compile,
};
use plan::{Addressing, Change};
use tempfile::TempDir;

pub(crate) use self::component::Guest;
pub(crate) use self::embedded::embedded;
pub(crate) use self::host::Recorder;
pub(crate) use self::proposal::proposal;

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

/// The guest as a part of the executable.
pub(crate) fn load_builtin(guest: &Guest) -> Plugin {
    let native = compile(&guest.component(), Target::Baseline).unwrap();
    ENGINE
        .load_builtin("builtin", embedded(&native, 0))
        .unwrap()
}

/// The guest as an installed policy with these grants.
pub(crate) fn policy(guest: &Guest, grants: &[&str], limits: Limits) -> Policy {
    let plugin = try_load(&guest.component()).unwrap();
    let grants = Grants::parse(grants.iter().copied()).unwrap();
    plugin.policy(&grants, limits).unwrap()
}

/// What it makes of [`proposal`].
pub(crate) fn amend(policy: &Policy) -> Result<Vec<Change>, CallError> {
    let services = Recorder::default().services();
    policy.amend(services, &attachment(), "{}", &proposal())
}

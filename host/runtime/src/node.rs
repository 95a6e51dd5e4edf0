use std::cell::{OnceCell, RefCell};
use std::ffi::OsString;
use std::fs;
use std::mem;
use std::time::SystemTime;

use engine::{Builtin, Engine, Plugin, PluginStore};
use store::{Location, Store};

use crate::failure::Cause;
use crate::log::Log;
use crate::quarantine;
use crate::settings::Settings;

/// The IPAM plugins that are part of the executable; a configuration names them without installing anything.
pub const BUILT_IN_IPAM: [&str; 3] = ["host-local", "static", "pool-by-namespace"];
/// The built-in stages of a chain.
pub const BUILT_IN_STAGES: [&str; 9] = [
    "portmap",
    "bandwidth",
    "firewall",
    "tuning",
    "sbr",
    "vrf",
    "flow-policy",
    "route-override",
    "quota",
];

/// Is this the name of a stage that is part of the executable?
pub(crate) fn is_built_in_policy(name: &str) -> bool {
    BUILT_IN_STAGES.contains(&name)
}

/// Is this the name of a plugin that is part of the executable?
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN_IPAM.contains(&name) || is_built_in_policy(name)
}

/// What a call works with. Everything is opened when it is first needed: a DEL loads no plugin, VERSION opens nothing.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    /// The caller's environment, which delegates inherit.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The instant of the call.
    pub(crate) now: SystemTime,
    builtin: Option<Builtin>,
    engine: OnceCell<Engine>,
    builtins: OnceCell<Plugin>,
    plugins: PluginStore,
    /// Installed plugins that were loaded, with the digest that was asked for: one that has both roles, or that a chain names
    /// twice, is loaded once, and none is unmapped before the process ends.
    installed: RefCell<Vec<(Option<String>, Plugin)>>,
    store: OnceCell<Store>,
}

impl Node {
    pub(crate) fn new(
        settings: Settings,
        log: Log,
        builtin: Option<Builtin>,
        environment: Vec<(OsString, OsString)>,
    ) -> Self {
        Self {
            plugins: PluginStore::at(settings.state_directory.join("plugins")),
            settings,
            log,
            environment,
            now: SystemTime::now(),
            builtin,
            engine: OnceCell::new(),
            builtins: OnceCell::new(),
            installed: RefCell::default(),
            store: OnceCell::new(),
        }
    }

    /// The store. One that finds itself new is filled with what the kernel knows before anybody can use it.
    pub(crate) fn store(&self) -> Result<&Store, Cause> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.location()?)?;
        if store.is_new() {
            quarantine::fill(&store, &self.log, self.now)?;
        }
        Ok(self.store.get_or_init(|| store))
    }

    fn location(&self) -> Result<Location, Cause> {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(|source| {
            Cause::Node {
                what: "the boot id",
                source,
            }
        })?;
        let netns_cookie = kernel::host_netns_cookie().map_err(|errno| Cause::Node {
            what: "the cookie of the host's network namespace",
            source: errno.into(),
        })?;
        Ok(Location {
            root: self.settings.run_directory.clone(),
            persistent_root: self.settings.state_directory.clone(),
            boot_id: boot_id.trim_end().to_owned(),
            netns_cookie,
        })
    }

    /// Loads a plugin by the name that a configuration uses: a built-in one, else an installed one.
    pub(crate) fn plugin(&self, name: &str, digest: Option<&str>) -> Result<Plugin, Cause> {
        let engine = self.engine()?;
        match (self.builtin, digest) {
            (Some(builtin), None) if is_built_in(name) => {
                // One component for all of them, so that a chain links it once.
                if let Some(known) = self.builtins.get() {
                    return Ok(known.named(name));
                }
                let loaded = engine.load_builtin(name, builtin)?;
                Ok(self.builtins.get_or_init(|| loaded).named(name))
            }
            (_, Some(_)) if is_built_in(name) => Err(Cause::IpamSection(format!(
                "plugin {name:?} is part of this executable, and a digest (`ipam.digest`, or a stage's) pins installed plugins: remove it"
            ))),
            _ => self.installed(engine, name, digest),
        }
    }

    fn installed(
        &self,
        engine: &Engine,
        name: &str,
        digest: Option<&str>,
    ) -> Result<Plugin, Cause> {
        let mut loaded = self.installed.borrow_mut();
        let known = loaded
            .iter()
            .find(|(wanted, plugin)| wanted.as_deref() == digest && plugin.name() == name);
        if let Some((_, plugin)) = known {
            return Ok(plugin.clone());
        }
        let plugin = self.plugins.open(engine, name, digest)?;
        loaded.push((digest.map(str::to_owned), plugin.clone()));
        Ok(plugin)
    }

    /// The end of the call, and of the process: the store is closed, for that gives back what is shared with others. All
    /// else is left to the kernel, which is faster at it.
    pub(crate) fn leave(mut self) {
        drop(self.store.take());
        mem::forget(self);
    }

    fn engine(&self) -> Result<&Engine, Cause> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = Engine::new()?;
        Ok(self.engine.get_or_init(|| engine))
    }
}

use std::fmt;
use std::sync::{Arc, OnceLock};

use wasmtime::component::{Component, InstancePre};

use crate::audit::{self, AuditError, Import, Interface};
use crate::bindings::{ipam, policy};
use crate::engine::Engine;
use crate::grants::Grants;
use crate::ipam::Ipam;
use crate::limits::Limits;
use crate::outcome::CallError;
use crate::policy::Policy;
use crate::running::Idle;
use crate::sandbox::CallState;

/// A loaded component that has passed the audit; nothing of it has run yet.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) name: String,
    pub(crate) loaded: Arc<Loaded>,
}

/// What all plugins of one component share.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) component: Component,
    pub(crate) imports: Vec<Import>,
    /// Grants and limits are looked at call by call, so what is linked and found once serves all stages.
    pub(crate) linked: OnceLock<InstancePre<CallState>>,
    pub(crate) ipam: OnceLock<ipam::GuestIndices>,
    pub(crate) policy: OnceLock<policy::GuestIndices>,
    pub(crate) idle: Idle,
    digest: Option<String>,
    interface: Interface,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("digest", &self.loaded.digest)
            .field("interface", &self.loaded.interface)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn new(
        engine: Engine,
        name: String,
        digest: Option<String>,
        component: Component,
    ) -> Result<Self, AuditError> {
        let interface = audit::interface_of(&component);
        let imports = interface.audit()?;
        let loaded = Loaded {
            engine,
            component,
            imports,
            linked: OnceLock::new(),
            ipam: OnceLock::new(),
            policy: OnceLock::new(),
            idle: Idle::default(),
            digest,
            interface,
        };
        Ok(Self {
            name,
            loaded: Arc::new(loaded),
        })
    }

    /// The name under which it was loaded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same component under another name: one may hold many plugins, and is then loaded and linked once for all of them.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            loaded: Arc::clone(&self.loaded),
        }
    }

    /// `sha256:…` of the component it was compiled from; none for what is part of the executable.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.loaded.digest.as_deref()
    }

    /// What it imports and exports.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.loaded.interface
    }

    /// The plugin in its role of choosing addresses, with these grants and limits.
    ///
    /// An installed plugin needs the grant of everything that it imports, whatever its role. A component that is part of
    /// the executable holds many plugins and imports what any of them needs, so there each call of the host is checked
    /// alone.
    ///
    /// # Errors
    /// It has not this role; it is an installed plugin and imports an interface for which it has no grant; it imports one
    /// in a form that this host does not know.
    pub fn ipam(&self, grants: &Grants, limits: Limits) -> Result<Ipam, CallError> {
        Ipam::new(self, grants, limits)
    }

    /// The plugin in its role of being a stage of a chain, with these grants and limits, as with [`Plugin::ipam`].
    ///
    /// # Errors
    /// As with [`Plugin::ipam`].
    pub fn policy(&self, grants: &Grants, limits: Limits) -> Result<Policy, CallError> {
        Policy::new(self, grants, limits)
    }

    /// May its next call see the memory of the last one? Not one of WASI, whose handles are a call's own.
    pub(crate) fn keeps_nothing(&self) -> bool {
        let own = |import: &Import| matches!(import, Import::Own(_));
        self.is_builtin() && self.loaded.imports.iter().all(own)
    }

    /// Is it part of the executable?
    pub(crate) fn is_builtin(&self) -> bool {
        self.loaded.digest.is_none()
    }
}

use wasmtime::component::{Component, InstancePre, Linker};

use crate::audit::Import;
use crate::sandbox::CallState;
use crate::{host, wasi};

/// The host's side of what plugins import: each interface is added when the first component needs it, for all that follow.
///
/// What a component can reach is what it imports, and an audit has seen that, so what others need is nothing to it.
pub(crate) struct Links {
    linker: Linker<CallState>,
    added: Vec<Import>,
}

impl Links {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Self {
        Self {
            linker: Linker::new(engine),
            added: Vec::new(),
        }
    }

    /// The component with its `imports`, which are what the audit found.
    pub(crate) fn link(
        &mut self,
        component: &Component,
        imports: &[Import],
    ) -> wasmtime::Result<InstancePre<CallState>> {
        for import in imports {
            if self.added.contains(import) {
                continue;
            }
            match import {
                Import::Own(interface) => host::link(&mut self.linker, interface)?,
                Import::Wasi(interface) => wasi::link(&mut self.linker, interface)?,
            }
            self.added.push(import.clone());
        }
        self.linker.instantiate_pre(component)
    }
}

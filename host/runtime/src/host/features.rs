use kernel::{Kernel, KernelError, Linux, Netns, in_throwaway_namespaces};
use plan::Step;

use super::{links, traffic};
use crate::failure::Cause;

/// Something that the kernel may or may not be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// What needs it, as a configuration names it: `link bridge`, `stage portmap`, `key ipMasq`. A part of what a stage does
    /// follows its name: `stage portmap for UDP`.
    pub name: &'static str,
    /// What the kernel refused; None: it can.
    pub problem: Option<String>,
}

/// Tries what links and stages need, by the steps that an attachment would be made of, in namespaces that vanish with all
/// that is in them.
///
/// # Errors
/// When no namespace can be made or no netlink socket opened: then nothing works.
pub fn features() -> Result<Vec<Feature>, Cause> {
    Ok(in_throwaway_namespaces(probe)??)
}

fn probe(container: &Netns) -> Result<Vec<Feature>, KernelError> {
    let mut kernel = Linux::with_container(container)?;
    kernel.can_serve()?;
    let mut features = links::probe(&mut kernel);
    features.extend(traffic::probe(&mut kernel));
    Ok(features)
}

/// Tries steps in their order; the first refusal is the problem.
pub(super) fn attempt(name: &'static str, kernel: &mut Linux, steps: &[Step]) -> Feature {
    let refused = steps.iter().find_map(|step| kernel.perform(step).err());
    Feature {
        name,
        problem: refused.map(|error| error.to_string()),
    }
}

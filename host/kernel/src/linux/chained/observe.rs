use plan::Step;

use super::Linux;
use crate::KernelError;

impl Linux {
    /// The step with all that its undo needs to know of what is there now, before it is performed:
    ///
    /// - of a sysctl and of a link's attributes, what they are (None where they are not there);
    /// - of amendments, only the removals of what is there, routes with all their attributes, and only the additions of
    ///   what is not there; likewise of rules and neighbours.
    ///
    /// Other steps come back as they are. Performing the observed step comes to the same as performing the given one.
    ///
    /// # Errors
    /// When there is no container, it can't be asked, or the path of a sysctl is none of the network.
    pub fn observe(&self, step: &Step) -> Result<Step, KernelError> {
        Ok(match step {
            Step::Sysctl(wanted) => Step::Sysctl(self.observe_sysctl(wanted)?),
            Step::LinkSettings(wanted) => Step::LinkSettings(self.observe_link_settings(wanted)?),
            Step::AmendAddresses(wanted) => Step::AmendAddresses(self.observe_addresses(wanted)?),
            Step::AmendRoutes(wanted) => Step::AmendRoutes(self.observe_routes(wanted)?),
            Step::RoutingRules(wanted) => Step::RoutingRules(self.observe_rules(wanted)?),
            Step::Neighbours(wanted) => Step::Neighbours(self.observe_neighbours(wanted)?),
            other => other.clone(),
        })
    }
}

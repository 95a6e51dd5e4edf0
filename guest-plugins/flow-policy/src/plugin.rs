use wasm_cni_guest::{Attachment, Failure, Policy, PolicyHost};

use crate::FlowPolicy;

impl Policy for FlowPolicy {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        for direction in &self.closed {
            host.deny_flows_by_default(*direction);
        }
        for rule in &self.rules {
            host.add_flow(*rule);
        }
        Ok(())
    }
}

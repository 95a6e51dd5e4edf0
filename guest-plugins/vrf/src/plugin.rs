use wasm_cni_guest::{Attachment, Failure, Policy, PolicyHost};

use crate::Vrf;

impl Policy for Vrf {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        host.join_vrf(&self.name, self.table);
        Ok(())
    }
}

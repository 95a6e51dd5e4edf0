use wasm_cni_guest::{Attachment, Failure, Level, Policy, PolicyHost};

use crate::Firewall;

impl Policy for Firewall {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        for (key, value) in &self.idle {
            let line =
                format!("{key} = \"{value}\": the host does so by itself where that firewall is");
            host.log(Level::Debug, &line);
        }
        host.pass_host_firewall();
        if let Some(isolation) = self.isolation {
            host.isolate(isolation);
        }
        Ok(())
    }
}

use wasm_cni_guest::{Attachment, Failure, FlowDirection, Level, Policy, PolicyHost};

use crate::Bandwidth;

/// The MTU that Ethernet has where nothing else is said, in bytes.
const USUAL_MTU: u32 = 1500;
/// The bytes of an Ethernet header.
const HEADER: u32 = 14;

impl Policy for Bandwidth {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        if self.limits.is_empty() {
            return Ok(());
        }
        let frame = u64::from(host.mtu().unwrap_or(USUAL_MTU).saturating_add(HEADER)) * 8;
        for limit in &self.limits {
            if limit.burst < frame {
                let key = match limit.direction {
                    FlowDirection::Ingress => "ingressBurst",
                    FlowDirection::Egress => "egressBurst",
                };
                let line = format!(
                    "{key} = {}: a full packet has {frame} bits and would never pass; give more",
                    limit.burst
                );
                host.log(Level::Warning, &line);
            }
            host.limit_bandwidth(*limit);
        }
        Ok(())
    }
}

use wasm_cni_guest::{Attachment, Failure, Level, LinkFlag, Policy, PolicyHost};

use crate::Tuning;

impl Policy for Tuning {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        if let Some(path) = &self.data_dir {
            let line = format!("dataDir = \"{path}\": the host itself keeps what was there before");
            host.log(Level::Debug, &line);
        }
        for (name, value) in self.sysctls.of(&attachment.interface_name) {
            host.set_sysctl(&name, value);
        }
        if let Some(mac) = self.mac {
            host.set_mac(mac);
        }
        if self.promiscuous {
            host.set_link_flag(LinkFlag::Promiscuous, true);
        }
        if let Some(on) = self.all_multicast {
            host.set_link_flag(LinkFlag::AllMulticast, on);
        }
        if let Some(mtu) = self.mtu {
            host.set_mtu(mtu);
        }
        if let Some(packets) = self.queue_length {
            host.set_transmit_queue_length(packets);
        }
        Ok(())
    }
}

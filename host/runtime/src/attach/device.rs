//! The host's device that a link asks for.

use kernel::{HostDeviceFound, KernelError, LinkFact, Linux, Side};
use plan::{DeviceMove, DeviceSelector, DeviceState, Link, Step};
use store::Record;

use super::Attaching;
use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::{record, sweep};

impl Attaching<'_> {
    /// The device, or what the result tells of one that a program drives.
    ///
    /// # Errors
    /// There is none, or another attachment has it.
    pub(super) fn device(
        &self,
        kernel: &Linux,
        link: &Link,
    ) -> Result<(Option<DeviceState>, Option<LinkFact>), Cause> {
        let Link::HostDevice(wanted) = link else {
            return Ok((None, None));
        };
        let Some(selector) = wanted.selector() else {
            return Ok((None, None));
        };
        Ok(match self.find_device(kernel, &selector)? {
            HostDeviceFound::Interface(device) => (Some(device), None),
            HostDeviceFound::UserSpace { .. } => {
                let fact = LinkFact {
                    name: self.attachment.interface_name.clone(),
                    mac: None,
                    mtu: 0,
                    side: Side::Container,
                    trace: None,
                };
                (None, Some(fact))
            }
        })
    }

    /// Asks again when its holder turns out to be dead.
    fn find_device(
        &self,
        kernel: &Linux,
        selector: &DeviceSelector,
    ) -> Result<HostDeviceFound, Cause> {
        let missing = match kernel.find_host_device(selector) {
            Err(missing @ KernelError::NoDevice { .. }) => missing,
            found => return Ok(found?),
        };
        let Some(holder) = self.holder(selector)? else {
            return Err(missing.into());
        };
        let key = holder.attachment.key();
        sweep::attachment(
            self.store,
            &key,
            &self.node.log,
            unix_seconds(self.node.now),
        );
        kernel
            .find_host_device(selector)
            .map_err(|error| match error {
                KernelError::NoDevice { device, .. } => Cause::DeviceTaken {
                    device,
                    holder: Box::new(holder.attachment),
                },
                error => error.into(),
            })
    }

    fn holder(&self, selector: &DeviceSelector) -> Result<Option<Record>, Cause> {
        let records = record::all(self.store, None)?;
        let has = |record: &Record| {
            let mut steps = record.parts.iter().flat_map(|part| &part.steps);
            steps.any(|step| matches!(step, Step::HostDevice(moved) if is_meant(selector, moved)))
        };
        Ok(records.into_iter().find(has))
    }
}

fn is_meant(selector: &DeviceSelector, moved: &DeviceMove) -> bool {
    match selector {
        DeviceSelector::Name(name) => moved.device.name == *name,
        DeviceSelector::Mac(mac) => moved.device.mac == Some(*mac),
        _ => moved.asked_for == selector.to_string(),
    }
}

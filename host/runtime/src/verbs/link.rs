use cni::config::NetworkConfig;
use plan::{HostDevice, Ipvlan, Link, LinkError};
use serde_json::Value;

use crate::failure::Cause;

/// With what comes from elsewhere in the configuration.
fn completed(link: Link, config: &NetworkConfig) -> Result<Link, Cause> {
    match link {
        Link::HostDevice(device) => Ok(Link::HostDevice(HostDevice {
            device_id: config.runtime_config.device_id.clone(),
            ..device
        })),
        Link::Ipvlan(ipvlan) if ipvlan.master.is_none() => Ok(Link::Ipvlan(Ipvlan {
            master: previous_interface(config)?,
            ..ipvlan
        })),
        link => Ok(link),
    }
}

/// Behind another plugin an ipvlan sits on the interface that this one made, as with the reference plugin.
fn previous_interface(config: &NetworkConfig) -> Result<Option<String>, Cause> {
    let Some(previous) = &config.previous_result else {
        return Ok(None);
    };
    match previous.result.interfaces.as_slice() {
        [only] if !only.name.is_empty() => Ok(Some(only.name.clone())),
        several => Err(Cause::Link(vec![format!(
            "link.master: prevResult has {} interfaces, so it does not say which one an ipvlan is to be on: name it",
            several.len()
        )])),
    }
}

/// Reads the `link` section.
pub(crate) fn parse(config: &NetworkConfig) -> Result<Link, Cause> {
    let mut keys = config.link.clone().unwrap_or_default();
    let kind = keys.remove("kind").unwrap_or_default();
    let link =
        Link::read(kind.as_str().unwrap_or_default(), Value::Object(keys)).map_err(|error| {
            let value = match &error {
                LinkError::Kind { .. } => None,
                LinkError::Key { path, .. } => {
                    let key = path.split(['.', '[']).next().unwrap_or_default();
                    config
                        .link
                        .as_ref()
                        .and_then(|section| section.get(key))
                        .map(Value::to_string)
                }
            };
            Cause::LinkShape {
                error,
                value: value.unwrap_or_default(),
            }
        })?;
    let link = completed(link, config)?;
    let problems = link.problems();
    if !problems.is_empty() {
        return Err(Cause::Link(problems));
    }
    let has_ipam = config.ipam.is_some();
    match (link.takes_addresses(), has_ipam, &link) {
        (false, true, _) => Err(Cause::IpamSection(format!(
            "a {} link of this form takes no addresses: remove the ipam section",
            link.kind()
        ))),
        // The others may serve layer 2 alone; these are of no use without addresses.
        (true, false, Link::Ptp(_) | Link::Dummy {}) => Err(Cause::IpamSection(format!(
            "a {} link needs addresses: add an ipam section",
            link.kind()
        ))),
        _ => Ok(link),
    }
}

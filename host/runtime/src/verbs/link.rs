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

/// Does the `link` section name this kind, whatever else is wrong with it?
pub(super) fn is_of_kind(config: &NetworkConfig, kind: &str) -> bool {
    let section = config.link.as_ref();
    section
        .and_then(|section| section.get("kind"))
        .is_some_and(|named| named == kind)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(config: Value) -> Result<Link, Cause> {
        parse(&NetworkConfig::parse(config.to_string().as_bytes()).unwrap())
    }

    fn behind(interfaces: &Value, link: &Value) -> Result<Link, Cause> {
        parsed(json!({
            "cniVersion": "1.0.0", "name": "n", "type": "wasm-cni", "link": link,
            "prevResult": {"cniVersion": "1.0.0", "interfaces": interfaces},
        }))
    }

    fn master(link: Result<Link, Cause>) -> Option<String> {
        match link {
            Ok(Link::Ipvlan(ipvlan)) => ipvlan.master,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn behind_another_plugin_an_ipvlan_sits_on_its_interface() {
        let one = json!([{"name": "bond0"}]);
        let two = json!([{"name": "br0"}, {"name": "veth1"}]);
        let unnamed = json!({"kind": "ipvlan"});
        assert_eq!(master(behind(&one, &unnamed)).as_deref(), Some("bond0"));
        let named = json!({"kind": "ipvlan", "master": "eth1"});
        assert_eq!(master(behind(&two, &named)).as_deref(), Some("eth1"));
        let error = behind(&two, &unnamed).unwrap_err();
        assert!(error.to_string().contains("2 interfaces"), "{error}");
        let alone = json!({"name": "n", "type": "wasm-cni", "link": unnamed});
        assert_eq!(master(parsed(alone)), None);
    }

    #[test]
    fn the_runtimes_device_is_the_links() {
        let link = parsed(json!({
            "name": "n", "type": "wasm-cni", "link": {"kind": "host-device"},
            "runtimeConfig": {"deviceID": "0000:00:05.0"},
        }));
        assert!(
            matches!(&link, Ok(Link::HostDevice(device)) if device.device_id.as_deref() == Some("0000:00:05.0")),
            "{link:?}"
        );
    }

    #[test]
    fn a_dummy_without_addresses_is_refused() {
        let link = json!({"name": "n", "type": "wasm-cni", "link": {"kind": "dummy"}});
        assert!(matches!(parsed(link), Err(Cause::IpamSection(_))));
    }
}

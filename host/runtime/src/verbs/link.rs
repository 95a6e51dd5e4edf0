use cni::config::NetworkConfig;
use plan::Link;
use serde_json::Value;

use crate::failure::Cause;

/// Reads the `link` section.
pub(super) fn parse(config: &NetworkConfig) -> Result<Link, Cause> {
    let section = Value::Object(config.link.clone().unwrap_or_default());
    let link: Link = serde_json::from_value(section).map_err(Cause::LinkShape)?;
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
        // A bridge may serve layer 2 alone; the others are of no use without addresses.
        (true, false, Link::Ptp(_)) => Err(Cause::IpamSection(format!(
            "a {} link needs addresses: add an ipam section",
            link.kind()
        ))),
        _ => Ok(link),
    }
}

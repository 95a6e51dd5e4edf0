use cni::config::NetworkConfig;
use plan::{Link, LinkError};
use serde_json::Value;

use crate::failure::Cause;

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

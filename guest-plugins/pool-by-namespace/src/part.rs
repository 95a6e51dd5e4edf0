use std::net::IpAddr;

use serde::Deserialize;
use wasm_cni_guest::ipnet::IpNet;
use wasm_cni_guest::{AddressRange, config};

/// A part of the network's ranges, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PartObject {
    subnet: Option<IpNet>,
    #[serde(default, deserialize_with = "config::optional_address")]
    range_start: Option<IpAddr>,
    #[serde(default, deserialize_with = "config::optional_address")]
    range_end: Option<IpAddr>,
}

impl PartObject {
    /// The addresses from `rangeStart` to `rangeEnd`, which of a subnet are its first and last unless given. The error is
    /// the text behind the name of the part.
    pub(crate) fn addresses(&self) -> Result<AddressRange, String> {
        let (first, last) = match self.subnet {
            None => match (self.range_start, self.range_end) {
                (Some(first), Some(last)) => (first, last),
                _ => return Err(": name a subnet, or rangeStart and rangeEnd".to_owned()),
            },
            Some(subnet) if subnet.trunc() != subnet => {
                return Err(format!(
                    ".subnet = \"{subnet}\": has host bits set; the network is {}",
                    subnet.trunc()
                ));
            }
            Some(subnet) => {
                let ends = [
                    ("rangeStart", self.range_start),
                    ("rangeEnd", self.range_end),
                ];
                for (key, end) in ends {
                    if let Some(end) = end
                        && !subnet.contains(&end)
                    {
                        return Err(format!(".{key} = \"{end}\": is not in subnet {subnet}"));
                    }
                }
                let whole = AddressRange::whole(subnet);
                (
                    self.range_start.unwrap_or(whole.first()),
                    self.range_end.unwrap_or(whole.last()),
                )
            }
        };
        AddressRange::new(first, last).map_err(|error| format!(": {error}"))
    }
}

use serde::Deserialize;
use wasm_cni_guest::{BandwidthLimit, Failure, FlowDirection, config};

/// The kernel counts a burst in bytes, with 32 bits.
const BITS_OF_A_BYTE: u64 = 8;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    pub(crate) limits: Vec<BandwidthLimit>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    ingress_rate: Option<u64>,
    ingress_burst: Option<u64>,
    egress_rate: Option<u64>,
    egress_burst: Option<u64>,
    shaped_subnets: Option<Vec<String>>,
    unshaped_subnets: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct RuntimeConfig {
    bandwidth: Option<Rates>,
}

/// Bits per second and bits, as a runtime writes them. containerd writes the names of its own fields, which begin with a
/// capital.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rates {
    #[serde(alias = "IngressRate")]
    ingress_rate: Option<u64>,
    #[serde(alias = "IngressBurst")]
    ingress_burst: Option<u64>,
    #[serde(alias = "EgressRate")]
    egress_rate: Option<u64>,
    #[serde(alias = "EgressBurst")]
    egress_burst: Option<u64>,
}

impl Bandwidth {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        for (key, subnets) in [
            ("shapedSubnets", &object.shaped_subnets),
            ("unshapedSubnets", &object.unshaped_subnets),
        ] {
            if let Some(subnets) = subnets.as_ref().filter(|subnets| !subnets.is_empty()) {
                return Err(Failure::InvalidConfig(format!(
                    "{key} = \"{}\": rates are for all that an interface carries; leave the key out",
                    subnets.join(", ")
                )));
            }
        }
        let own = Rates {
            ingress_rate: object.ingress_rate,
            ingress_burst: object.ingress_burst,
            egress_rate: object.egress_rate,
            egress_burst: object.egress_burst,
        };
        let passed: RuntimeConfig = config::runtime_config(text)?;
        let (prefix, rates) = match passed.bandwidth {
            Some(rates) if own.is_absent() => ("runtimeConfig.bandwidth.", rates),
            Some(_) | None => ("", own),
        };
        rates.limits(prefix).map_err(Failure::InvalidConfig)
    }
}

impl Rates {
    fn is_absent(self) -> bool {
        [
            self.ingress_rate,
            self.ingress_burst,
            self.egress_rate,
            self.egress_burst,
        ]
        .iter()
        .all(Option::is_none)
    }

    fn limits(self, prefix: &str) -> Result<Bandwidth, String> {
        let mut limits = Vec::new();
        for (direction, name, rate, burst) in [
            (
                FlowDirection::Ingress,
                "ingress",
                self.ingress_rate,
                self.ingress_burst,
            ),
            (
                FlowDirection::Egress,
                "egress",
                self.egress_rate,
                self.egress_burst,
            ),
        ] {
            let (rate, burst) = (rate.unwrap_or(0), burst.unwrap_or(0));
            if let Some(why) = objection(rate, burst, &format!("{prefix}{name}")) {
                return Err(why);
            }
            if rate != 0 {
                limits.push(BandwidthLimit {
                    direction,
                    rate,
                    burst,
                });
            }
        }
        Ok(Bandwidth { limits })
    }
}

/// What is wrong with a rate and its burst, if anything is. `key` is what the names of both begin with.
fn objection(rate: u64, burst: u64, key: &str) -> Option<String> {
    match (rate, burst) {
        (0, 0) => None,
        (0, _) => Some(format!(
            "{key}Burst = {burst}: has no effect without {key}Rate; give both, or neither"
        )),
        (_, 0) => Some(format!(
            "{key}Rate = {rate}: needs {key}Burst, in bits; a tenth of the rate is a usual value"
        )),
        (..BITS_OF_A_BYTE, _) => Some(format!(
            "{key}Rate = {rate}: is less than a byte per second; the rate is in bits per second"
        )),
        (_, ..BITS_OF_A_BYTE) => Some(format!(
            "{key}Burst = {burst}: is less than a byte; the burst is in bits"
        )),
        _ if burst / BITS_OF_A_BYTE >= u64::from(u32::MAX) => Some(format!(
            "{key}Burst = {burst}: is 4 GiB or more; the kernel takes less than 34359738360 bits"
        )),
        _ => None,
    }
}

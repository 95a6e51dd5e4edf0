use serde::Deserialize;
use wasm_cni_guest::{Failure, MacAddress, config};

use crate::settings::{Args, Mac, Mtu, QueueLength, RuntimeConfig};
use crate::sysctl::Sysctls;

/// The plugin: its configuration, checked and with what the runtime passes folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    pub(crate) sysctls: Sysctls,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) promiscuous: bool,
    pub(crate) all_multicast: Option<bool>,
    pub(crate) mtu: Option<u32>,
    /// In packets.
    pub(crate) queue_length: Option<u32>,
    pub(crate) data_dir: Option<String>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    sysctl: Option<Sysctls>,
    mac: Option<Mac>,
    promisc: Option<bool>,
    allmulti: Option<bool>,
    mtu: Option<Mtu>,
    #[serde(rename = "txQLen")]
    tx_q_len: Option<QueueLength>,
    #[serde(rename = "dataDir")]
    data_dir: Option<String>,
}

impl Tuning {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        let passed: RuntimeConfig = config::runtime_config(text)?;
        let args: Args = config::args(text)?;
        let mut sysctls = object.sysctl.unwrap_or_default();
        sysctls.overrule(args.sysctl.unwrap_or_default());
        // An empty address of the runtime's says nothing; one of the arguments takes away what was said.
        let passed = passed.mac.filter(|mac| mac.0.is_some());
        Ok(Self {
            sysctls,
            mac: args.mac.or(passed).or(object.mac).and_then(|mac| mac.0),
            promiscuous: args.promisc.or(object.promisc).unwrap_or(false),
            all_multicast: args.allmulti.or(object.allmulti),
            mtu: args.mtu.or(object.mtu).and_then(|mtu| mtu.0),
            queue_length: args.tx_q_len.or(object.tx_q_len).map(|length| length.0),
            data_dir: object.data_dir.filter(|path| !path.is_empty()),
        })
    }
}

//! What is written down before anything is done.

use std::ffi::OsStr;

use cni::config::NetworkConfig;
use cni::convert::ResultError;
use cni::ids::NetworkName;
use cni::result::CniResult;
use cni::version::SpecVersion;
use kernel::LinkFact;
use plan::{Attachment, Change, NetnsIdentity, NetworkTag, Plan, Step, Undo};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::{Document, Record, StagePart, Store, StoreError, UnixSeconds};

use crate::chain::Stage;
use crate::ipam::Allocated;

/// The keys that a runtime injects, which differ from call to call (CNI 1.1.0, "Deriving request configuration").
const INJECTED: [&str; 4] = ["runtimeConfig", "args", "prevResult", "cniVersion"];

/// The part of a link with its IPAM.
pub(crate) fn link_part(
    kind: &str,
    config: &NetworkConfig,
    plan: &Plan,
    netns: &NetnsIdentity,
    allocated: &Allocated,
) -> StagePart {
    StagePart {
        id: part_id(kind, config),
        plugin: kind.into(),
        undo: plan.undo(netns),
        steps: plan.steps.clone(),
        changes: Vec::new(),
        call: allocated.call.clone(),
        addressing: Some(plan.addressing.clone()),
        config: recorded_config(config, allocated),
        result: Value::Null,
    }
}

/// The part of IPAM alone, for another vendor's interface plugin.
pub(crate) fn ipam_part(plugin: &str, config: &NetworkConfig, allocated: &Allocated) -> StagePart {
    StagePart {
        id: part_id(plugin, config),
        plugin: plugin.into(),
        undo: Vec::new(),
        steps: Vec::new(),
        changes: Vec::new(),
        call: allocated.call.clone(),
        addressing: Some(allocated.addressing.clone()),
        config: recorded_config(config, allocated),
        result: Value::Null,
    }
}

/// The part of one stage of a chain.
pub(crate) fn stage_part(
    stage: &Stage,
    changes: &[Change],
    call: Option<&Document>,
    steps: &[Step],
    netns: &NetnsIdentity,
) -> StagePart {
    StagePart {
        id: stage_id(stage),
        plugin: stage.name.plugin.clone(),
        undo: steps.iter().filter_map(|step| step.undo(netns)).collect(),
        steps: steps.to_vec(),
        changes: changes.to_vec(),
        call: call.cloned(),
        addressing: None,
        config: Value::Object(stage.recorded_config()),
        result: Value::Null,
    }
}

/// What a stage's part is found by: the plugin and the hash of its own configuration.
pub(crate) fn stage_id(stage: &Stage) -> String {
    hashed(&stage.name.plugin, stage.own_config())
}

/// Where a stage's part is: the one with the same configuration, else the latest of that plugin, since the configuration
/// may have changed.
pub(crate) fn position_of_stage(record: &Record, stage: &Stage) -> Option<usize> {
    let id = stage_id(stage);
    let same = record.parts.iter().rposition(|part| part.id == id);
    same.or_else(|| latest_of_plugin(record, &stage.name.plugin))
}

/// Where the latest part of a plugin is that is a stage.
pub(crate) fn latest_of_plugin(record: &Record, plugin: &str) -> Option<usize> {
    let is_stage = |part: &StagePart| part.addressing.is_none() && part.plugin == plugin;
    record.parts.iter().rposition(is_stage)
}

/// Where the part is that sets `lo` up. Another part stands before it where `loopback` is behind another plugin.
pub(crate) fn position_of_loopback(record: &Record) -> Option<usize> {
    let sets_lo = |part: &StagePart| part.steps.contains(&Step::Loopback {});
    record.parts.iter().position(sets_lo)
}

/// The undo of the links whose presence says that the container lives: ours, or the one that another vendor made.
pub(crate) fn links(record: &Record) -> impl Iterator<Item = &Undo> {
    let own = record.parts.iter().flat_map(|part| &part.undo);
    own.filter(|undo| undo.is_link()).chain(&record.witness)
}

/// The kind of the link, if the record has one of ours.
pub(crate) fn link_kind(record: &Record) -> Option<&str> {
    let is_link =
        |step: &Step| step.is_link_inside() || matches!(step, Step::Veth(_) | Step::Loopback {});
    let part = record
        .parts
        .iter()
        .find(|part| part.steps.iter().any(is_link));
    part.map(|part| part.plugin.as_str())
}

/// The records of one network, or of all.
pub(crate) fn all(store: &Store, network: Option<NetworkTag>) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::new();
    for_each(store, network, |record| records.push(record))?;
    Ok(records)
}

/// Shows the records of one network, or of all, one after another: together those of a large node are many megabytes.
pub(crate) fn for_each(
    store: &Store,
    network: Option<NetworkTag>,
    mut look: impl FnMut(Record),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = match network {
            Some(network) => store.records_of_network(network, after)?,
            None => store.records(after)?,
        };
        page.records.into_iter().for_each(&mut look);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// A pending record with its parts.
pub(crate) fn pending(
    attachment: &Attachment,
    netns: impl Into<Option<NetnsIdentity>>,
    group: u32,
    now: UnixSeconds,
    parts: Vec<StagePart>,
) -> Record {
    let mut record = Record::new(attachment.clone(), group, now);
    record.netns = netns.into();
    record.parts = parts;
    record
}

/// Keeps the result with the part that it came from.
pub(crate) fn keep_result(record: &mut Record, result: &CniResult) -> Result<(), ResultError> {
    if let Some(part) = record.parts.last_mut() {
        part.result = cni::convert::write(result, SpecVersion::LATEST)?;
    }
    Ok(())
}

/// Keeps what the kernel told of new links, so that they are found whatever becomes of their names.
pub(crate) fn keep_traces(record: &mut Record, made: &[LinkFact]) {
    let undos = record.parts.iter_mut().flat_map(|part| &mut part.undo);
    for undo in undos {
        if let Undo::DeleteHostLink {
            name, mac, trace, ..
        } = undo
        {
            let own = |fact: &&LinkFact| fact.name == *name && fact.mac == Some(*mac);
            if let Some(fact) = made.iter().find(own) {
                trace.clone_from(&fact.trace);
            }
        }
    }
}

/// The network's configuration as it was when the attachment was made; None where the record holds none that can be
/// read.
pub(crate) fn config(record: &Record) -> Option<NetworkConfig> {
    let part = record.parts.first()?;
    let document = part.config.as_object()?.clone();
    config_of(&record.attachment.network, part, document).ok()
}

/// A part's configuration, read as the call read it that made the part.
///
/// # Errors
/// What can't be read of it, as text.
pub(crate) fn config_of(
    network: &str,
    part: &StagePart,
    document: Map<String, Value>,
) -> Result<NetworkConfig, String> {
    let name = network.parse::<NetworkName>();
    let name = name.map_err(|error| error.to_string())?;
    let version = SpecVersion::of_document(&document).map_err(|error| error.to_string())?;
    // Under the name of a reference plugin the part is that plugin's.
    let executable = OsStr::new(&part.plugin);
    Ok(NetworkConfig::from_document(executable, document, name, version).0)
}

/// Did another vendor's executable give the addresses, so that it must be told before they are forgotten?
pub(crate) fn names_other_ipam(record: &Record) -> bool {
    let ipam = config(record).and_then(|config| config.ipam);
    ipam.is_some_and(|section| !section.is_own_type())
}

/// The plugin and the hash of its configuration less what the runtime injects.
fn part_id(plugin: &str, config: &NetworkConfig) -> String {
    let own: Map<String, Value> = config
        .raw
        .iter()
        .filter(|(key, _)| !INJECTED.contains(&key.as_str()) && !key.starts_with("cni.dev/"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    hashed(plugin, &own)
}

fn hashed(plugin: &str, own: &Map<String, Value>) -> String {
    let digest = Sha256::digest(Value::Object(own.clone()).to_string().as_bytes());
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{plugin}:{hex}")
}

/// The configuration that a later DEL needs, should the present one have changed: as it came for a delegate, with
/// `ipam` in our own form where the leases are ours.
fn recorded_config(config: &NetworkConfig, allocated: &Allocated) -> Value {
    let mut document = config.raw.clone();
    document.remove("prevResult");
    if let Some(section) = config.ipam.as_ref().filter(|_| allocated.by_plugin) {
        document.insert("ipam".into(), Value::Object(section.own_form().clone()));
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(extra: Value) -> NetworkConfig {
        let mut document = json!({"name": "n", "type": "wasm-cni", "link": {"kind": "bridge"}});
        for (key, value) in extra.as_object().unwrap() {
            document[key] = value.clone();
        }
        NetworkConfig::parse(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_configuration_of_an_attachment_is_read_back() {
        let attachment = Attachment {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let netns = NetnsIdentity {
            cookie: 1,
            path: String::new(),
            nsid: None,
        };
        let with_ipam = |kind: &str, by_plugin: bool| {
            let allocated = Allocated {
                by_plugin,
                ..Allocated::default()
            };
            let part = link_part(
                "bridge",
                &config(json!({"ipam": {"type": kind, "plugin": "p", "subnet": "10.1.0.0/24"}})),
                &Plan::default(),
                &netns,
                &allocated,
            );
            pending(&attachment, netns.clone(), 1, 0, vec![part])
        };
        assert!(names_other_ipam(&with_ipam("host-local", false)));
        assert!(!names_other_ipam(&with_ipam("wasm-cni", true)));
        // Run under that name, as a delegate that is ourselves.
        let ours = with_ipam("host-local", true);
        assert!(!names_other_ipam(&ours));
        let section = super::config(&ours).unwrap().ipam.unwrap();
        assert_eq!(section.own_form()["subnet"], "10.1.0.0/24");
        let plain = config(json!({}));
        let part = link_part(
            "bridge",
            &plain,
            &Plan::default(),
            &netns,
            &Allocated::default(),
        );
        assert!(!names_other_ipam(&pending(
            &attachment,
            netns.clone(),
            1,
            0,
            vec![part]
        )));
    }

    #[test]
    fn what_a_runtime_injects_does_not_change_a_parts_id() {
        let plain = part_id("bridge", &config(json!({})));
        let injected = config(
            json!({"cniVersion": "1.0.0", "runtimeConfig": {"ips": ["10.0.0.1"]}, "cni.dev/x": 1}),
        );
        assert_eq!(part_id("bridge", &injected), plain);
        assert_ne!(part_id("bridge", &config(json!({"mtu": 9000}))), plain);
    }
}

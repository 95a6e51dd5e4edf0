//! Running recorded calls again: does the plugin of today decide as that of then?

use cni::config::NetworkConfig;
use cni::role::OWN_TYPE;
use engine::{Phase, RecordedCall, Replayed};
use serde_json::Value;
use store::{Record, StagePart};

use super::recorded::call;
use super::{Picture, Replay, of_record};
use crate::chain::Stage;
use crate::ipam::PluginIpam;
use crate::node::Node;
use crate::record;

/// The picture of a record with what comes of running its calls again. Neither store nor kernel is asked or changed.
pub(crate) fn replay(node: &Node, record: &Record) -> Picture {
    let mut picture = of_record(record);
    let recorded = record
        .parts
        .iter()
        .filter_map(|part| Some((part, call(part)?)));
    let mut outcomes = recorded.map(|(part, call)| verdict(run(node, record, part, &call)));
    let shown = picture
        .entries
        .iter_mut()
        .flat_map(|entry| &mut entry.parts);
    // Parts with a call are in the picture in the order of the record.
    for part in shown.filter(|part| part.call.is_some()) {
        part.replay = outcomes.next();
    }
    picture
}

fn verdict(outcome: Result<Replayed, String>) -> Replay {
    match outcome {
        Ok(replayed) => Replay {
            same: replayed.same(),
            differences: replayed.differences,
        },
        Err(why) => Replay {
            same: false,
            differences: vec![format!("it could not be run again: {why}")],
        },
    }
}

fn run(
    node: &Node,
    record: &Record,
    part: &StagePart,
    call: &RecordedCall,
) -> Result<Replayed, String> {
    let config = config(&record.attachment.network, part)
        .map_err(|why| format!("the recorded configuration can't be read: {why}"))?;
    let outcome = if call.phase == Phase::Allocate {
        let section = config.ipam.as_ref();
        let section = section.ok_or("the recorded configuration has no ipam section")?;
        PluginIpam::new(&config, section).and_then(|ipam| ipam.replay(node, call))
    } else {
        let stage = Stage::of_entry(&config);
        let stage = stage.ok_or("the recorded configuration names no plugin")?;
        stage.replay(node, call)
    };
    outcome
        .map_err(|cause| cause.to_string())?
        .map_err(|why| why.to_string())
}

/// A stage's own object becomes the entry that it would be by itself.
fn config(network: &str, part: &StagePart) -> Result<NetworkConfig, String> {
    let document = part.config.as_object().cloned();
    let mut document = document.ok_or("it is no object")?;
    if part.addressing.is_none() {
        document.insert("type".into(), Value::String(OWN_TYPE.into()));
    }
    record::config_of(network, part, document)
}

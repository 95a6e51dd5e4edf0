//! The picture of what did happen.

use engine::RecordedCall;
use plan::{NetnsIdentity, Step};
use serde_json::Value;
use store::{Record, StagePart};

use super::{AskedFor, Entry, EntryRole, Part, PartKind, Picture, PlannedStep};

/// What a record says. The state of the record is not part of it.
#[must_use]
pub fn of_record(record: &Record) -> Picture {
    let mut entry = Entry::new("wasm-cni", EntryRole::Record);
    let netns = record.netns.clone().unwrap_or_else(nowhere);
    for part in &record.parts {
        entry.parts.extend(parts(part, &netns));
    }
    entry.result = record
        .parts
        .last()
        .map(|part| part.result.clone())
        .filter(|result| !result.is_null());
    Picture::of(&record.attachment, vec![entry])
}

/// Of a record that names no namespace.
fn nowhere() -> NetnsIdentity {
    NetnsIdentity {
        cookie: 0,
        path: String::new(),
        nsid: None,
    }
}

/// The part of a link holds that of its IPAM.
fn parts(recorded: &StagePart, netns: &NetnsIdentity) -> Vec<Part> {
    let call = call(recorded);
    if recorded.addressing.is_none() {
        return vec![stage(recorded, call, netns)];
    }
    let mut parts = Vec::new();
    if let Some(name) = ipam_name(recorded, call.as_ref()) {
        let mut ipam = Part::new(PartKind::Ipam, &name);
        ipam.addressing.clone_from(&recorded.addressing);
        parts.push(match call {
            Some(call) => ipam.with_call(call),
            None => ipam,
        });
    }
    if !recorded.steps.is_empty() {
        let mut link = Part::new(PartKind::Link, &recorded.plugin);
        link.steps = steps(recorded, netns);
        parts.push(link);
    }
    parts
}

fn stage(recorded: &StagePart, call: Option<RecordedCall>, netns: &NetnsIdentity) -> Part {
    let mut part = Part::new(PartKind::Stage, &recorded.plugin);
    part.saw = call
        .as_ref()
        .and_then(|call| call.recording.as_ref())
        .and_then(|recording| recording.proposal.clone());
    part.changes = recorded.changes.iter().map(AskedFor::new).collect();
    part.steps = steps(recorded, netns);
    match call {
        Some(call) => part.with_call(call),
        None => part,
    }
}

/// With the undo that is on record.
fn steps(recorded: &StagePart, netns: &NetnsIdentity) -> Vec<PlannedStep> {
    let shown = |step: &Step| {
        let mut shown = PlannedStep::new(step, netns);
        shown.undo = shown
            .undo
            .filter(|taken_back| recorded.undo.contains(&taken_back.undo));
        shown
    };
    recorded.steps.iter().map(shown).collect()
}

/// None where nothing was recorded, or where another version wrote what can't be read.
pub(super) fn call(recorded: &StagePart) -> Option<RecordedCall> {
    recorded.call.as_ref()?.read().ok()
}

/// The plugin of ours, or another vendor's executable.
fn ipam_name(recorded: &StagePart, call: Option<&RecordedCall>) -> Option<String> {
    if let Some(call) = call {
        return Some(call.plugin.clone());
    }
    let section = recorded.config.get("ipam")?;
    let text = |key: &str| section.get(key).and_then(Value::as_str);
    text("plugin").or_else(|| text("type")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use plan::{Addressing, Attachment, Change, MacAddress, MasqueradeSources, SpoofCheck};
    use serde_json::json;

    use super::*;

    fn recorded(plugin: &str, steps: Vec<Step>, addressing: Option<Addressing>) -> StagePart {
        let netns = nowhere();
        StagePart {
            id: plugin.into(),
            plugin: plugin.into(),
            undo: steps.iter().filter_map(|step| step.undo(&netns)).collect(),
            steps,
            changes: Vec::new(),
            call: None,
            addressing,
            config: json!({"ipam": {"type": "dhcp"}}),
            result: Value::Null,
        }
    }

    #[test]
    fn the_part_of_a_link_is_shown_as_its_ipam_and_itself() {
        let attachment = Attachment {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let check = Step::SpoofCheck(SpoofCheck {
            port: "veth1".into(),
            mac: MacAddress::from_seed(b"x"),
        });
        let sources = Step::Masquerade(MasqueradeSources {
            network: attachment.network_tag(),
            sources: vec!["10.0.0.2".parse().unwrap()],
        });
        let mut record = Record::new(attachment, 1, 0);
        record
            .parts
            .push(recorded("bridge", vec![check], Some(Addressing::default())));
        let mut stage = recorded("firewall", vec![sources], None);
        stage.changes.push(Change::SetMtu { mtu: 1400 });
        stage.undo.clear();
        stage.result = json!({"cniVersion": "1.1.0"});
        record.parts.push(stage);
        let picture = of_record(&record);
        let parts = &picture.entries[0].parts;
        let names: Vec<_> = parts
            .iter()
            .map(|part| (part.kind, part.name.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                (PartKind::Ipam, "dhcp"),
                (PartKind::Link, "bridge"),
                (PartKind::Stage, "firewall")
            ]
        );
        assert!(parts[1].steps[0].undo.is_some());
        // What is not on record is not claimed.
        assert!(parts[2].steps[0].undo.is_none());
        assert_eq!(parts[2].changes[0].text, "set the MTU to 1400");
        assert_eq!(
            picture.entries[0].result,
            Some(json!({"cniVersion": "1.1.0"}))
        );
    }
}

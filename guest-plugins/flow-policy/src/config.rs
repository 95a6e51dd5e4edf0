use serde::Deserialize;
use wasm_cni_guest::{Failure, FlowDirection, FlowRule, FlowVerdict, config};

use crate::entry::{Entry, EntryObject};

/// The most rules that one stage may make.
const MOST_RULES: usize = 256;

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPolicy {
    /// Where what no rule accepts is dropped.
    pub(crate) closed: Vec<FlowDirection>,
    /// Each once.
    pub(crate) rules: Vec<FlowRule>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    ingress: Option<DirectionObject>,
    egress: Option<DirectionObject>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DirectionObject {
    default: DefaultVerdict,
    allow: Option<Vec<EntryObject>>,
    deny: Option<Vec<EntryObject>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Option<String>")]
struct DefaultVerdict(FlowVerdict);

impl Default for DefaultVerdict {
    fn default() -> Self {
        Self(FlowVerdict::Accept)
    }
}

impl TryFrom<Option<String>> for DefaultVerdict {
    type Error = &'static str;

    fn try_from(text: Option<String>) -> Result<Self, Self::Error> {
        match text.as_deref() {
            None => Ok(Self::default()),
            Some("accept") => Ok(Self(FlowVerdict::Accept)),
            Some("drop") => Ok(Self(FlowVerdict::Drop)),
            Some(_) => Err("is unknown; there are accept and drop"),
        }
    }
}

/// Entries and what becomes of their flows.
struct List {
    direction: FlowDirection,
    verdict: FlowVerdict,
    entries: Vec<Entry>,
}

impl FlowPolicy {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        let mut closed = Vec::new();
        let mut lists = Vec::new();
        for (direction, name, object) in [
            (FlowDirection::Ingress, "ingress", object.ingress),
            (FlowDirection::Egress, "egress", object.egress),
        ] {
            let object = object.unwrap_or_default();
            if object.default.0 == FlowVerdict::Drop {
                closed.push(direction);
            }
            for (verdict, key, entries) in [
                (FlowVerdict::Accept, "allow", object.allow),
                (FlowVerdict::Drop, "deny", object.deny),
            ] {
                let entries = read(&entries.unwrap_or_default())
                    .map_err(|why| Failure::InvalidConfig(format!("{name}.{key}{why}")))?;
                lists.push(List {
                    direction,
                    verdict,
                    entries,
                });
            }
        }
        Ok(Self {
            closed,
            rules: rules(&lists)?,
        })
    }
}

fn read(entries: &[EntryObject]) -> Result<Vec<Entry>, String> {
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| entry.read().map_err(|why| format!("[{index}]{why}")))
        .collect()
}

fn rules(lists: &[List]) -> Result<Vec<FlowRule>, Failure> {
    let count = lists
        .iter()
        .flat_map(|list| &list.entries)
        .fold(0, |sum: usize, entry| sum.saturating_add(entry.count()));
    if count > MOST_RULES {
        return Err(Failure::InvalidConfig(format!(
            "ingress and egress make {count} rules, one for each network, protocol and range of ports; at most \
             {MOST_RULES} are possible: name wider networks, or fewer ports"
        )));
    }
    let mut rules = Vec::with_capacity(count);
    for list in lists {
        for entry in &list.entries {
            for rule in entry.rules(list.direction, list.verdict) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    Ok(rules)
}

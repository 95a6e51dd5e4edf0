//! Putting back what was taken away behind our back, by an operator's call.

use std::collections::BTreeMap;

use kernel::{Kernel, KernelError, Linux};
use plan::Step;
use store::{Record, RecordState, Store};

use crate::failure::Cause;
use crate::firewall::{self, belongs_to_the_firewall, is_shared};
use crate::record;

/// What was missing, and what became of it. In words; each thing once, whoever shares it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// What was missing and is there again, each with the attachments that need it.
    pub restored: Vec<Missing>,
    /// What is missing still, with the reason.
    pub failures: Vec<String>,
}

/// Something that was missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub what: String,
    /// The attachments whose it is.
    pub attachments: Vec<String>,
}

/// Compares what the records say with the kernel, and does what is missing again. Where nothing is missing, nothing is
/// touched.
pub(crate) fn restore(store: &Store) -> Result<Restored, Cause> {
    let mut kernel = Linux::host()?;
    let wanted = Wanted::of(&applied(store)?);
    let mut restored = Restored::default();
    let missing = wanted.missing(&mut kernel, &mut restored.failures);
    if missing.is_empty() {
        return Ok(restored);
    }
    // What is made anew in our tables wants the elements of all attachments, which come in one batch.
    for (step, _) in missing.iter().filter(|(step, _)| is_shared(step)) {
        if let Err(error) = kernel.perform(step) {
            restored.failures.push(format!("{step}: {error}"));
        }
    }
    firewall::restore(store, &mut kernel)?;
    for (step, attachments) in missing {
        match still_missing(&mut kernel, step) {
            Ok(None) => restored.restored.push(Missing {
                what: step.to_string(),
                attachments: attachments.to_vec(),
            }),
            Ok(Some(what)) => restored.failures.push(format!("{step}: {what}")),
            Err(error) => restored.failures.push(format!("{step}: {error}")),
        }
    }
    Ok(restored)
}

/// What [`restore`] would find missing. What can't be compared is told as missing, with the reason.
///
/// # Errors
/// When store or kernel can't be asked at all.
pub(crate) fn missing(store: &Store) -> Result<Vec<Missing>, Cause> {
    let mut kernel = Linux::host()?;
    let wanted = Wanted::of(&applied(store)?);
    let mut failures = Vec::new();
    let missing = wanted.missing(&mut kernel, &mut failures);
    let known = missing.into_iter().map(|(step, attachments)| Missing {
        what: step.to_string(),
        attachments: attachments.to_vec(),
    });
    let unknown = failures.into_iter().map(|failure| Missing {
        what: failure,
        attachments: Vec::new(),
    });
    Ok(known.chain(unknown).collect())
}

fn applied(store: &Store) -> Result<Vec<Record>, Cause> {
    let mut records = record::all(store, None)?;
    records.retain(|record| record.state == RecordState::Applied);
    records.sort_by_key(|record| record.created_at);
    Ok(records)
}

/// Steps of all attachments that a firewall's reload can take away, each once and in the order of their plans.
#[derive(Default)]
struct Wanted {
    order: Vec<Step>,
    attachments: BTreeMap<usize, Vec<String>>,
}

impl Wanted {
    fn of(records: &[Record]) -> Self {
        let mut wanted = Self::default();
        for record in records {
            let steps = record.parts.iter().flat_map(|part| &part.steps);
            for step in steps.filter(|step| belongs_to_the_firewall(step)) {
                wanted.add(step, &record.attachment.to_string());
            }
        }
        wanted
    }

    /// Records come from the oldest to the newest, whose settings hold for what is shared.
    fn add(&mut self, step: &Step, attachment: &str) {
        let known = self.order.iter_mut().enumerate();
        let mut same = known.filter(|(_, known)| is_same_object(known, step));
        let place = match same.next() {
            Some((place, known)) => {
                known.clone_from(step);
                place
            }
            None => {
                drop(same);
                self.order.push(step.clone());
                self.order.len().saturating_sub(1)
            }
        };
        let attachments = self.attachments.entry(place).or_default();
        if !attachments.iter().any(|known| known == attachment) {
            attachments.push(attachment.to_owned());
        }
    }

    /// The steps of which something is missing, with their attachments; what can't be compared is a failure.
    fn missing(&self, kernel: &mut Linux, failures: &mut Vec<String>) -> Vec<(&Step, &[String])> {
        self.steps()
            .filter(|(step, _)| match is_missing(kernel, step) {
                Ok(missing) => missing,
                Err(error) => {
                    failures.push(format!("{step}: {error}"));
                    false
                }
            })
            .collect()
    }

    fn steps(&self) -> impl Iterator<Item = (&Step, &[String])> {
        self.order
            .iter()
            .zip(self.attachments.values().map(Vec::as_slice))
    }
}

fn is_same_object(one: &Step, other: &Step) -> bool {
    match (one, other) {
        (Step::MasqueradeNetwork(one), Step::MasqueradeNetwork(other)) => {
            one.network == other.network
        }
        (Step::PortForwardChain(one), Step::PortForwardChain(other)) => one.tag == other.tag,
        _ => one == other,
    }
}

fn is_missing(kernel: &mut Linux, step: &Step) -> Result<bool, KernelError> {
    Ok(!kernel.verify(step)?.is_empty())
}

fn still_missing(kernel: &mut Linux, step: &Step) -> Result<Option<String>, KernelError> {
    let mismatches = kernel.verify(step)?;
    let texts: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    Ok((!texts.is_empty()).then(|| texts.join("; ")))
}

#[cfg(test)]
mod tests {
    use plan::{Attachment, Family, MasqueradeSources};
    use serde_json::Value;
    use store::StagePart;

    use super::*;

    #[test]
    fn what_several_attachments_share_is_wanted_once_and_links_are_not() {
        let record = |container: &str, address: &str| {
            let attachment = Attachment {
                network: "n".into(),
                container_id: container.into(),
                interface_name: "eth0".into(),
            };
            let steps = vec![
                Step::Forwarding {
                    family: Family::Ipv4,
                },
                Step::Loopback {},
                Step::Masquerade(MasqueradeSources {
                    network: attachment.network_tag(),
                    sources: vec![address.parse().unwrap()],
                }),
            ];
            let mut record = Record::new(attachment, 1, 0);
            record.parts.push(StagePart {
                id: String::new(),
                plugin: String::new(),
                steps,
                undo: Vec::new(),
                changes: Vec::new(),
                call: None,
                addressing: None,
                config: Value::Null,
                result: Value::Null,
            });
            record
        };
        let wanted = Wanted::of(&[record("a", "10.0.0.2"), record("b", "10.0.0.3")]);
        let steps: Vec<_> = wanted
            .steps()
            .map(|(step, attachments)| (step.to_string(), attachments.len()))
            .collect();
        assert_eq!(
            steps,
            [
                ("IPv4 forwarding".to_owned(), 2),
                ("masquerade of 10.0.0.2".to_owned(), 1),
                ("masquerade of 10.0.0.3".to_owned(), 1)
            ]
        );
    }
}

//! Many stages, one proposal.
//!
//! Stages run in their order, and each sees the proposal so far. Two stages that set the same thing differently are an error
//! that names both, never "the last one wins"; what breaks an invariant of the host is refused whoever asks. All objections
//! are told, not the first.

mod addressing;
mod container;
mod objection;
mod settings;
mod sysctl_name;
mod traffic;

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Change, ChangeKind, Proposal};

pub use objection::Objection;
pub use sysctl_name::{SysctlNameError, sysctl_path};

use settings::Settings;

/// A stage, as messages name it: the plugin and its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageName {
    /// The plugin.
    pub plugin: String,
    /// Its place in `chain`, from 0; None: it is an entry of the network's list by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{} (chain[{position}])", self.plugin),
            None => f.write_str(&self.plugin),
        }
    }
}

/// What one stage asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageChanges {
    /// The stage.
    pub stage: StageName,
    /// In the order in which it asked.
    pub changes: Vec<Change>,
}

/// A chain whose stages agree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// What is proposed in the end.
    pub proposal: Proposal,
    /// What each stage asked for, in the order of the chain.
    pub stages: Vec<StageChanges>,
}

/// A chain while it runs.
#[derive(Debug, Clone)]
pub struct Merge {
    interface: String,
    proposal: Proposal,
    settings: Settings,
    stages: Vec<StageChanges>,
    refused: Vec<RefusedChange>,
}

/// A change that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedChange {
    /// The place of its stage among those that were asked.
    pub stage: usize,
    /// Its place among the changes of that stage.
    pub change: usize,
    /// What speaks against it.
    pub objection: Objection,
}

/// Most flow rules of one attachment.
pub const MAX_FLOW_RULES: usize = 1024;
/// Most forwarded ports of one attachment.
pub const MAX_PORT_FORWARDS: usize = 4096;

impl Merge {
    /// Begins with what link and IPAM, or `prevResult`, propose for the container's interface of this name.
    #[must_use]
    pub fn new(interface: &str, proposal: Proposal) -> Self {
        Self {
            interface: interface.to_owned(),
            proposal,
            settings: Settings::default(),
            stages: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The link masquerades already, except to these networks: a stage may not say otherwise.
    #[must_use]
    pub fn with_masquerade(mut self, exclude: &[IpNet]) -> Self {
        let link = StageName {
            plugin: "link".into(),
            position: None,
        };
        // The first to say it can't be contradicted.
        let _ = self.settings.masquerade_except(&link, exclude);
        self
    }

    /// What the next stage sees.
    #[must_use]
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// Takes in what a stage asks for. `granted` says which kinds it may ask for.
    pub fn amend(
        &mut self,
        stage: &StageName,
        granted: impl Fn(ChangeKind) -> bool,
        changes: Vec<Change>,
    ) {
        let place = self.stages.len();
        for (index, change) in changes.iter().enumerate() {
            let objection = if granted(change.kind()) {
                self.take(stage, change)
            } else {
                Some(Objection::NotGranted {
                    stage: stage.clone(),
                    change: change.to_string(),
                    grant: change.kind(),
                })
            };
            self.refused
                .extend(objection.map(|objection| RefusedChange {
                    stage: place,
                    change: index,
                    objection,
                }));
        }
        self.stages.push(StageChanges {
            stage: stage.clone(),
            changes,
        });
    }

    /// The chain, if nothing speaks against it.
    ///
    /// # Errors
    /// All objections, in the order in which they arose.
    pub fn finish(self) -> Result<Merged, Vec<Objection>> {
        let (merged, refused) = self.without_refused();
        if refused.is_empty() {
            Ok(merged)
        } else {
            Err(refused.into_iter().map(|each| each.objection).collect())
        }
    }

    /// The chain without the changes that something speaks against, and those: for showing what it would do otherwise.
    #[must_use]
    pub fn without_refused(self) -> (Merged, Vec<RefusedChange>) {
        let mut stages = self.stages;
        // From the end, so that the places of those before stay right.
        for refused in self.refused.iter().rev() {
            if let Some(stage) = stages.get_mut(refused.stage)
                && refused.change < stage.changes.len()
            {
                stage.changes.remove(refused.change);
            }
        }
        let merged = Merged {
            proposal: self.proposal,
            stages,
        };
        (merged, self.refused)
    }

    /// What speaks against a change; nothing: it is in the proposal now.
    fn take(&mut self, stage: &StageName, change: &Change) -> Option<Objection> {
        let outcome = match change {
            Change::Deny { reason } => Err(Refusal::Denied(reason.clone())),
            Change::AddAddress(entry) => self.add_address(stage, entry),
            Change::RemoveAddress { address } => self.remove_address(*address),
            Change::AddRoute(route) => self.add_route(stage, route),
            Change::RemoveRoute(selector) => self.remove_route(stage, selector),
            Change::AddRule(rule) => self.add_rule(rule),
            Change::AddNeighbour(entry) => self.add_neighbour(stage, *entry),
            Change::SetMtu { mtu } => self.set_mtu(stage, *mtu),
            Change::SetMac { mac } => self.set_mac(stage, *mac),
            Change::SetDns(dns) => self.set_dns(stage, dns),
            Change::SetSysctl(sysctl) => self.set_sysctl(stage, sysctl),
            Change::SetLinkFlag { flag, on } => self.settings.flag(stage, *flag, *on),
            Change::SetTransmitQueueLength { packets } => {
                self.settings.queue_length(stage, *packets)
            }
            Change::ForwardPorts(forwarding) => self.forward_ports(stage, forwarding),
            Change::LimitBandwidth(limit) => self.limit_bandwidth(stage, *limit),
            Change::AddFlow(rule) => self.add_flow(*rule),
            Change::DenyFlowsByDefault { .. } | Change::PassHostFirewall {} => {
                self.passes_the_host()
            }
            Change::Isolate { isolation } => self.isolate(stage, *isolation),
            Change::Masquerade { exclude } => self.masquerade(stage, exclude),
            Change::JoinVrf { name, table } => self.join_vrf(stage, name, *table),
        };
        let refusal = outcome.err()?;
        let (stage, change) = (stage.clone(), change.to_string());
        Some(match refusal {
            Refusal::Denied(reason) => Objection::Denied { stage, reason },
            Refusal::Forbidden(why) => Objection::Refused { stage, change, why },
            Refusal::Conflict { earlier, value } => Objection::Conflict {
                earlier,
                value,
                stage,
                change,
            },
        })
    }
}

/// Why one change is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    Denied(String),
    Forbidden(String),
    Conflict { earlier: StageName, value: String },
}

fn forbidden<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Forbidden(why.into()))
}

/// Things that may be set once, and again only to the same value.
#[derive(Debug, Clone)]
struct Once<K, V>(BTreeMap<K, (StageName, V)>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V: PartialEq + fmt::Display> Once<K, V> {
    fn set(&mut self, stage: &StageName, key: K, value: V) -> Result<(), Refusal> {
        match self.0.get(&key) {
            Some((earlier, known)) if *known != value => Err(Refusal::Conflict {
                earlier: earlier.clone(),
                value: known.to_string(),
            }),
            Some(_) => Ok(()),
            None => {
                self.0.insert(key, (stage.clone(), value));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;

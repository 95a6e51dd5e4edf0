//! `lease import`

use std::net::IpAddr;
use std::process::ExitCode;

use runtime::operator::{ImportedAttachment, ImportedNetwork, Outcome};
use serde::Serialize;

use crate::cli::{FormerPlugin, ImportArgs};
use crate::output::{Output, exit_code};
use crate::table::Rows;
use crate::{printable, state, table};

/// The answer for one network.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    network: String,
    attachments: Vec<Attachment>,
    /// The addresses behind which round robin goes on.
    last_reserved: Vec<IpAddr>,
    /// Files that say nothing of use, with the reason.
    unusable: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    container_id: String,
    interface_name: Option<String>,
    addresses: Vec<IpAddr>,
    /// `imported`, `known`, `stale`, `quarantined` or `skipped`.
    outcome: &'static str,
    /// Why, where it was not imported.
    reason: Option<String>,
}

pub(super) fn run(args: &ImportArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let operator = state::operator(&args.places)?;
    let network = args.network.as_ref().map(AsRef::as_ref);
    let imported = match args.from {
        FormerPlugin::HostLocal => operator.import_host_local(&args.directory, network)?,
    };
    let answer: Vec<Network> = imported.into_iter().map(Network::from).collect();
    let complete = answer.iter().all(Network::is_complete);
    output.answer(&answer, |answer| text(answer))?;
    Ok(exit_code(complete))
}

impl From<ImportedNetwork> for Network {
    fn from(imported: ImportedNetwork) -> Self {
        let attachments = imported.attachments.into_iter();
        Self {
            network: imported.network,
            attachments: attachments.map(Attachment::from).collect(),
            last_reserved: imported.last_reserved,
            unusable: imported.unusable,
        }
    }
}

impl From<ImportedAttachment> for Attachment {
    fn from(imported: ImportedAttachment) -> Self {
        let (outcome, reason) = match imported.outcome {
            Outcome::Imported => ("imported", None),
            Outcome::Known => ("known", None),
            Outcome::Stale => ("stale", Some("no interface has it".to_owned())),
            Outcome::Quarantined(reason) => ("quarantined", Some(reason)),
            Outcome::Skipped(reason) => ("skipped", Some(reason)),
        };
        Self {
            container_id: imported.container_id,
            interface_name: imported.interface_name,
            addresses: imported.addresses,
            outcome,
            reason,
        }
    }
}

impl Network {
    /// Is everything that lives ours now?
    fn is_complete(&self) -> bool {
        let open =
            |attachment: &Attachment| matches!(attachment.outcome, "quarantined" | "skipped");
        !self.attachments.iter().any(open) && self.unusable.is_empty()
    }
}

fn text(networks: &[Network]) -> String {
    let mut rows = Rows::new(["NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "OUTCOME"]);
    let mut lines = Vec::new();
    for network in networks {
        for attachment in &network.attachments {
            let outcome = match &attachment.reason {
                Some(reason) => format!("{}: {reason}", attachment.outcome),
                None => attachment.outcome.to_owned(),
            };
            rows.push([
                network.network.clone(),
                attachment.container_id.clone(),
                attachment
                    .interface_name
                    .clone()
                    .unwrap_or_else(|| "-".to_owned()),
                table::list(attachment.addresses.iter().map(ToString::to_string)),
                outcome,
            ]);
        }
        let files = network.unusable.iter();
        lines.extend(files.map(|file| {
            printable::line(&format!("not used of network {}: {file}", network.network))
        }));
    }
    lines.insert(0, rows.render());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(outcome: Outcome, unusable: &[&str]) -> Network {
        Network::from(ImportedNetwork {
            network: "pods".into(),
            attachments: vec![ImportedAttachment {
                container_id: "web-0".into(),
                interface_name: None,
                addresses: vec![IpAddr::from([10, 1, 0, 2])],
                outcome,
            }],
            last_reserved: Vec::new(),
            unusable: unusable.iter().map(ToString::to_string).collect(),
        })
    }

    #[test]
    fn what_was_not_taken_over_is_told_with_its_reason() {
        let shown = text(&[network(Outcome::Skipped("taken".into()), &["x\u{1b}: y"])]);
        assert!(
            shown.contains("web-0") && shown.contains("skipped: taken"),
            "{shown}"
        );
        assert!(shown.contains("not used of network pods: x") && !shown.contains('\u{1b}'));
    }

    #[test]
    fn only_what_may_live_and_is_not_ours_is_a_failure() {
        for (outcome, complete) in [
            (Outcome::Imported, true),
            (Outcome::Known, true),
            (Outcome::Stale, true),
            (Outcome::Quarantined("x".into()), false),
            (Outcome::Skipped("x".into()), false),
        ] {
            assert_eq!(network(outcome, &[]).is_complete(), complete);
        }
        assert!(!network(Outcome::Imported, &["x"]).is_complete());
    }
}

//! `attachment show`

use std::process::ExitCode;

use anyhow::Context;
use plan::Attachment;
use serde::Serialize;
use store::{Record, StagePart};

use super::summary::Summary;
use crate::cli::ShowArgs;
use crate::output::Output;
use crate::printable;
use crate::state;
use crate::table::{self, Rows};

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    summary: Summary,
    parts: Vec<Part>,
    /// The record as it is stored; its form follows its `format` and may change with it.
    record: Record,
}

/// What one stage did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    plugin: String,
    /// What was done, in words and in order.
    steps: Vec<String>,
    /// How it is taken back, in words, from the first to the last to do.
    undo: Vec<String>,
    routes: Vec<String>,
}

pub(super) fn run(args: ShowArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let attachment = Attachment {
        network: args.network.to_string(),
        container_id: args.container_id.to_string(),
        interface_name: args.interface_name.to_string(),
    };
    let record = state::operator(&args.places)?.attachment(&attachment)?.with_context(|| {
        format!("there is no record of {attachment}; `wasm-cnictl attachment list` shows what there is")
    })?;
    output.answer(&shown(record), text)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(record: Record) -> Shown {
    let parts = record.parts.iter().map(part).collect();
    Shown {
        summary: Summary::of(&record),
        parts,
        record,
    }
}

fn part(part: &StagePart) -> Part {
    let routes = part
        .addressing
        .iter()
        .flat_map(|addressing| &addressing.routes);
    Part {
        plugin: part.plugin.clone(),
        steps: part.steps.iter().map(ToString::to_string).collect(),
        undo: part.undo.iter().rev().map(ToString::to_string).collect(),
        routes: routes
            .map(|route| match route.gateway {
                Some(gateway) => format!("{} via {gateway}", route.destination),
                None => route.destination.to_string(),
            })
            .collect(),
    }
}

fn text(shown: &Shown) -> String {
    let Summary {
        network,
        container_id,
        interface_name,
        ..
    } = &shown.summary;
    let name = format!("{network}/{container_id}/{interface_name}");
    let mut rows = Rows::new(["ATTACHMENT", &printable::line(&name)]);
    let mut row = |title: &str, value: String| rows.push([title.to_owned(), value]);
    row("state", shown.summary.state.to_owned());
    row("since", table::time(shown.summary.created_at));
    row(
        "netns",
        shown
            .summary
            .netns
            .clone()
            .unwrap_or_else(|| "-".to_owned()),
    );
    row("addresses", table::list(shown.summary.addresses.clone()));
    row("link group", shown.record.group.to_string());
    let mut lines = vec![rows.render()];
    for part in &shown.parts {
        lines.push(format!("stage {}", printable::line(&part.plugin)));
        if !part.routes.is_empty() {
            lines.push(format!(
                "  routes: {}",
                printable::line(&part.routes.join(", "))
            ));
        }
        list(&mut lines, "done", &part.steps);
        list(&mut lines, "to undo", &part.undo);
    }
    lines.join("\n")
}

fn list(lines: &mut Vec<String>, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    lines.push(format!("  {title}:"));
    lines.extend(
        items
            .iter()
            .map(|item| format!("    {}", printable::line(item))),
    );
}

#[cfg(test)]
mod tests {
    use plan::{MacAddress, Step, Undo};
    use serde_json::json;
    use store::RecordState;

    use super::*;

    fn record() -> Record {
        let attachment = Attachment {
            network: "pods".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let mut record = Record::new(attachment, 7, 1_700_000_000);
        record.state = RecordState::Applied;
        let mac: MacAddress = "02:00:00:00:00:01".parse().unwrap();
        record.parts.push(StagePart {
            id: "link".into(),
            plugin: "bri\u{1b}dge".into(),
            steps: vec![Step::Loopback {}],
            undo: vec![
                Undo::ForgetSpoofCheck {
                    port: "first".into(),
                    mac,
                },
                Undo::ForgetSpoofCheck {
                    port: "second".into(),
                    mac,
                },
            ],
            changes: Vec::new(),
            call: None,
            addressing: None,
            config: json!({}),
            result: json!({}),
        });
        record
    }

    #[test]
    fn undo_is_shown_in_the_order_in_which_it_is_done() {
        let text = text(&shown(record()));
        assert!(
            text.find("second").unwrap() < text.find("first").unwrap(),
            "{text}"
        );
        assert!(text.contains("lo up") && text.contains("applied"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn fields_of_the_answer_are_stable() {
        let answer = serde_json::to_value(shown(record())).unwrap();
        for field in [
            "network",
            "containerId",
            "interfaceName",
            "state",
            "netns",
            "createdAt",
        ] {
            assert!(answer.get(field).is_some(), "{field}");
        }
        assert_eq!(answer["parts"][0]["steps"], json!(["lo up"]));
        assert_eq!(answer["record"]["group"], json!(7));
    }
}

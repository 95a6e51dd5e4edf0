use plan::{Addressing, Proposal};
use runtime::explain::{Entry, EntryRole, Part, PartKind, Picture};
use serde_json::Value;

use crate::printable;
use crate::table;

/// The picture as lines: an entry, its parts, and of each what it saw, asked, wants and leads to.
pub(super) fn text(picture: &Picture) -> String {
    let mut page = Page::default();
    page.line(
        0,
        &format!(
            "{}/{}/{}",
            picture.network, picture.container_id, picture.interface_name
        ),
    );
    for (number, entry) in (1..).zip(&picture.entries) {
        page.entry(number, entry);
    }
    page.0.join("\n")
}

/// Lines, each made printable when it comes in.
#[derive(Default)]
struct Page(Vec<String>);

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        let indent = "  ".repeat(depth);
        self.0.push(format!("{indent}{}", printable::line(text)));
    }

    fn entry(&mut self, number: usize, entry: &Entry) {
        let role = match entry.role {
            EntryRole::Link => "link",
            EntryRole::Stage => "stage",
            EntryRole::Opaque => "not looked into",
            EntryRole::Record => "as recorded",
        };
        self.line(
            0,
            &format!("entry {number}: {} ({role})", entry.plugin_type),
        );
        for part in &entry.parts {
            self.part(part);
        }
        for note in &entry.notes {
            self.line(1, &format!("note: {note}"));
        }
        for objection in &entry.objections {
            self.line(1, &format!("REFUSED: {objection}"));
        }
        if let Some(failure) = &entry.failure {
            self.line(1, &format!("FAILED: {failure}"));
        }
        if let Some(result) = &entry.result {
            self.line(1, &format!("result: {}", summary(result)));
        }
    }

    fn part(&mut self, part: &Part) {
        self.line(1, &title(part));
        if let Some(saw) = &part.saw {
            self.line(2, &format!("saw {}", proposal(saw)));
        }
        for exchange in &part.asked {
            self.line(
                2,
                &format!("asked: {}: {}", exchange.question, exchange.answer),
            );
        }
        for words in &part.said {
            self.line(2, &format!("said {words}"));
        }
        if let Some(addressing) = &part.addressing {
            self.line(2, &format!("decided {}", decided(addressing)));
        }
        for change in &part.changes {
            match &change.refused {
                None => self.line(2, &format!("wants to {}", change.text)),
                Some(why) => self.line(2, &format!("REFUSED {}: {why}", change.text)),
            }
        }
        for step in &part.steps {
            self.line(2, &format!("does {}", step.text));
            if let Some(undo) = &step.undo {
                self.line(3, &format!("undo: {}", undo.text));
            }
        }
        if let Some(failure) = &part.failure {
            self.line(2, &format!("FAILED: {failure}"));
        }
        if let Some(replay) = &part.replay {
            let verdict = if replay.same {
                "replay: the same"
            } else {
                "replay: DIFFERENT"
            };
            self.line(2, verdict);
            for difference in &replay.differences {
                self.line(3, difference);
            }
        }
    }
}

/// What a part is called, here and in the flowchart.
pub(super) fn title(part: &Part) -> String {
    let kind = match part.kind {
        PartKind::Ipam => "ipam",
        PartKind::Link => "link",
        PartKind::Stage => "stage",
    };
    match part.position {
        Some(position) => format!("{kind} {} (chain[{position}])", part.name),
        None => format!("{kind} {}", part.name),
    }
}

fn proposal(saw: &Proposal) -> String {
    let links = saw.links.iter().map(|link| link.name.clone());
    let mut words = vec![table::list(links), decided(&saw.addressing)];
    words.extend(saw.mtu.map(|mtu| format!("MTU {mtu}")));
    words.join("; ")
}

pub(super) fn decided(addressing: &Addressing) -> String {
    let addresses = addressing
        .addresses
        .iter()
        .map(|entry| match entry.gateway {
            Some(gateway) => format!("{} (gateway {gateway})", entry.address),
            None => entry.address.to_string(),
        });
    let mut words = vec![match table::list(addresses) {
        none if none == "-" => "no addresses".to_owned(),
        addresses => addresses,
    }];
    if !addressing.routes.is_empty() {
        let routes = addressing.routes.iter().map(|route| match route.gateway {
            Some(gateway) => format!("{} via {gateway}", route.destination),
            None => route.destination.to_string(),
        });
        words.push(format!("routes {}", table::list(routes)));
    }
    words.join("; ")
}

/// Interfaces and addresses of a result in any version.
fn summary(result: &Value) -> String {
    let list = |key: &str, field: &str| {
        let items = result.get(key).and_then(Value::as_array);
        let texts = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get(field)?.as_str().map(str::to_owned));
        table::list(texts)
    };
    format!(
        "interfaces {}; addresses {}",
        list("interfaces", "name"),
        list("ips", "address")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_words_forge_no_line() {
        let mut entry = Entry::new("wasm-cni", EntryRole::Link);
        entry.objections = vec!["no\nentry 2: forged\u{1b}[2J".into()];
        entry.result = Some(serde_json::json!({"ips": [{"address": "10.0.0.2/24"}]}));
        let picture = Picture {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
            entries: vec![entry],
        };
        let text = text(&picture);
        assert_eq!(
            text,
            "n/c/eth0\nentry 1: wasm-cni (link)\n  REFUSED: no\\nentry 2: forged\\u{1b}[2J\n  \
             result: interfaces -; addresses 10.0.0.2/24"
        );
    }
}

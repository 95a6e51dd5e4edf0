//! A flowchart in the language of Mermaid (mermaid.js.org): entries and their parts, what they want, and the steps that
//! follow. What is refused is marked.

use runtime::explain::{Entry, Part, Picture};

use super::text::{decided, title};
use crate::printable;

/// The chart.
pub(super) fn flowchart(picture: &Picture) -> String {
    let mut chart = Chart::default();
    for (number, entry) in picture.entries.iter().enumerate() {
        chart.entry(number, entry);
    }
    for (number, entry) in (1..picture.entries.len()).zip(&picture.entries) {
        let arrow = match entry.result {
            Some(_) => "==>|result|",
            None => "-.-",
        };
        chart.line(1, &format!("e{} {arrow} e{number}", number - 1));
    }
    chart.line(1, "classDef refused fill:#fdd,stroke:#c00,color:#600");
    chart.line(1, "classDef step fill:#eef,stroke:#669");
    let attachment = format!(
        "{}/{}/{}",
        picture.network, picture.container_id, picture.interface_name
    );
    let mut lines = vec![
        "---".to_owned(),
        format!("title: {}", title_text(&attachment)),
        "---".to_owned(),
        "flowchart LR".to_owned(),
    ];
    lines.append(&mut chart.0);
    lines.join("\n")
}

#[derive(Default)]
struct Chart(Vec<String>);

impl Chart {
    fn line(&mut self, depth: usize, text: &str) {
        self.0.push(format!("{}{text}", "  ".repeat(depth)));
    }

    fn entry(&mut self, number: usize, entry: &Entry) {
        let id = format!("e{number}");
        let name = format!("entry {}: {}", number + 1, entry.plugin_type);
        self.line(1, &format!("subgraph {id}[\"{}\"]", label(&name)));
        self.line(2, "direction LR");
        let mut before: Option<String> = None;
        for (index, part) in entry.parts.iter().enumerate() {
            let part_id = format!("{id}p{index}");
            self.part(&part_id, part);
            if let Some(before) = before {
                self.line(2, &format!("{before} --> {part_id}"));
            }
            before = Some(part_id);
        }
        if entry.parts.is_empty() {
            let note = entry
                .notes
                .first()
                .map_or("nothing to show", String::as_str);
            self.line(2, &format!("{id}n[\"{}\"]", label(note)));
        }
        for (index, why) in entry.objections.iter().chain(&entry.failure).enumerate() {
            self.line(
                2,
                &format!("{id}r{index}{{{{\"{}\"}}}}:::refused", label(why)),
            );
        }
        self.line(1, "end");
    }

    fn part(&mut self, id: &str, part: &Part) {
        let mut words = title(part);
        if let Some(addressing) = &part.addressing {
            words.push_str(": ");
            words.push_str(&decided(addressing));
        }
        let class = if part.failure.is_some() {
            ":::refused"
        } else {
            ""
        };
        self.line(2, &format!("{id}[\"{}\"]{class}", label(&words)));
        for (index, change) in part.changes.iter().enumerate() {
            let change_id = format!("{id}c{index}");
            match &change.refused {
                None => {
                    self.line(
                        2,
                        &format!("{id} -->|wants| {change_id}([\"{}\"])", label(&change.text)),
                    );
                }
                Some(why) => self.line(
                    2,
                    &format!(
                        "{id} -. refused .-> {change_id}([\"{}\"]):::refused",
                        label(&format!("{}: {why}", change.text))
                    ),
                ),
            }
        }
        let mut before = id.to_owned();
        for (index, step) in part.steps.iter().enumerate() {
            let step_id = format!("{id}s{index}");
            let words = match &step.undo {
                Some(undo) => format!("{} (undo: {})", step.text, undo.text),
                None => step.text.clone(),
            };
            self.line(
                2,
                &format!("{before} --> {step_id}[\"{}\"]:::step", label(&words)),
            );
            before = step_id;
        }
        if let Some(replay) = part.replay.as_ref().filter(|replay| !replay.same) {
            let words = format!("replay differs: {}", replay.differences.join("; "));
            self.line(
                2,
                &format!("{id} -.- {id}x{{{{\"{}\"}}}}:::refused", label(&words)),
            );
        }
    }
}

/// Foreign text between quotes: nothing of it ends the quotes, or is read as markup or as an entity of Mermaid's.
fn label(text: &str) -> String {
    let mut shown = String::new();
    for character in printable::line(text).chars() {
        match character {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' => {
                shown.push_str(&format!("#{};", u32::from(character)));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// The title is YAML.
fn title_text(text: &str) -> String {
    serde_json::Value::String(printable::line(text)).to_string()
}

#[cfg(test)]
mod tests {
    use runtime::explain::EntryRole;

    use super::*;

    #[test]
    fn foreign_text_stays_inside_its_label() {
        let mut entry = Entry::new("wasm-cni", EntryRole::Link);
        entry.objections = vec!["no\"] --> x[\"<b>\n".into()];
        let mut next = Entry::new("tuning", EntryRole::Opaque);
        next.notes = vec!["runs tuning".into()];
        let chart = flowchart(&Picture {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
            entries: vec![entry, next],
        });
        assert!(
            chart.starts_with("---\ntitle: \"n/c/eth0\"\n---\nflowchart LR\n"),
            "{chart}"
        );
        assert!(
            chart.contains("e0r0{{\"no#34;] --#62; x[#34;#60;b#62;#92;n\"}}:::refused"),
            "{chart}"
        );
        assert!(chart.contains("e0 -.- e1") && chart.contains("e1n[\"runs tuning\"]"));
        let opened = chart
            .lines()
            .filter(|line| line.contains("subgraph "))
            .count();
        let closed = chart.lines().filter(|line| line.trim() == "end").count();
        assert_eq!((opened, closed), (2, 2));
    }
}

//! `net add`

use std::process::ExitCode;

use anyhow::Context;
use cni::attachment::Attachment;
use serde::Serialize;
use serde_json::Value;

use super::cache::{Cache, Entry};
use super::exec::SearchPath;
use super::{container, locate, target};
use crate::cli::AddArgs;
use crate::output::Output;
use crate::table::Rows;

/// The answer. `result` is the chain's final CNI result, in the network's version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    #[serde(flatten)]
    attachment: Attachment,
    netns: String,
    result: Value,
}

pub(super) fn run(args: AddArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let network = locate::network(&args.network, &args.places.conf_dir)?;
    let netns = container::netns_path(&args.netns);
    container::require_netns(&netns)?;
    let container_id = match args.attachment.container_id {
        Some(id) => id,
        None => container::container_id(&netns)?,
    };
    let attachment = Attachment {
        network: network.name.clone(),
        container_id,
        interface_name: args.attachment.ifname,
    };
    let mut entry = Entry::begun(attachment, netns, network.to_json());
    entry.capability_arguments = args.capabilities.into_iter().collect();
    entry.arguments = args.args;
    entry.cni_args = args.cni_args;

    let cache = Cache::open(&args.places.cache_dir)?;
    let _guard = cache.share()?;
    cache.begin(&entry)?;
    let path = SearchPath::parse(&args.places.cni_path);
    match target::chain(&entry, &network, &path).add() {
        Ok(result) => entry.result = Some(result),
        Err(failed) => {
            if failed.left_over.is_empty() {
                cache.remove(&entry.attachment)?;
                output.remark("the add was taken back: DEL went over the whole chain");
            }
            for failure in &failed.left_over {
                output.remark(&format!("could not be taken back: {failure}"));
            }
            if !failed.left_over.is_empty() {
                output
                    .remark("something may be left; mend the cause and run `wasm-cnictl net del` (--force where that can't work)");
            }
            return Err(failed.failure)
                .with_context(|| format!("{} was not attached", entry.attachment));
        }
    }
    cache.complete(&entry)?;
    let added = Added {
        attachment: entry.attachment,
        netns: entry.netns.display().to_string(),
        result: entry.result.unwrap_or_default(),
    };
    output.answer(&added, text)?;
    Ok(ExitCode::SUCCESS)
}

/// One line per address of the container's interface, or of any where the result doesn't say whose.
fn text(added: &Added) -> String {
    let mut rows = Rows::new(["INTERFACE", "MAC", "ADDRESS", "GATEWAY"]);
    let interfaces = list(&added.result, "interfaces");
    let mut shown = vec![false; interfaces.len()];
    for address in list(&added.result, "ips")
        .iter()
        .chain(&old_addresses(&added.result))
    {
        let index = address.get("interface").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let interface = index.and_then(|index| interfaces.get(index));
        if let Some(mark) = index.and_then(|index| shown.get_mut(index)) {
            *mark = true;
        }
        let name = interface.map_or_else(
            || added.attachment.interface_name.to_string(),
            |interface| word(interface, "name"),
        );
        let mac = interface.map_or_else(|| "-".to_owned(), |interface| word(interface, "mac"));
        rows.push([
            name,
            mac,
            word(address, "address"),
            word(address, "gateway"),
        ]);
    }
    let bare = interfaces.iter().zip(&shown).filter(|(interface, shown)| {
        !**shown
            && interface
                .get("sandbox")
                .and_then(Value::as_str)
                .is_some_and(|s| !s.is_empty())
    });
    for (interface, _) in bare {
        rows.push([
            word(interface, "name"),
            word(interface, "mac"),
            "-".into(),
            "-".into(),
        ]);
    }
    rows.render()
}

/// The addresses of results older than 0.3.0, as newer ones write them.
fn old_addresses(result: &Value) -> Vec<Value> {
    let families = ["ip4", "ip6"]
        .into_iter()
        .filter_map(|family| result.get(family));
    families
        .map(|old| serde_json::json!({"address": old.get("ip"), "gateway": old.get("gateway")}))
        .collect()
}

fn list<'a>(result: &'a Value, key: &str) -> &'a [Value] {
    result
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn word(object: &Value, key: &str) -> String {
    match object.get(key).and_then(Value::as_str) {
        Some(word) if !word.is_empty() => word.to_owned(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(result: Value) -> String {
        let attachment = Attachment {
            network: "pods".parse().unwrap(),
            container_id: "c".parse().unwrap(),
            interface_name: "eth0".parse().unwrap(),
        };
        text(&Added {
            attachment,
            netns: "/x".into(),
            result,
        })
    }

    #[test]
    fn addresses_stand_beside_their_interface() {
        let text = shown(json!({
            "interfaces": [
                {"name": "veth0", "mac": "02:00:00:00:00:01"},
                {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/x"},
                {"name": "net\u{1b}1", "mac": "02:00:00:00:00:03", "sandbox": "/x"},
            ],
            "ips": [{"interface": 1, "address": "10.0.0.2/24", "gateway": "10.0.0.1"},
                    {"interface": 9, "address": "fd00::2/64"}],
        }));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[1].starts_with("eth0") && lines[1].contains("02:00:00:00:00:02"),
            "{text}"
        );
        assert!(lines[2].contains("fd00::2/64"), "{text}");
        assert!(lines[3].starts_with("net\\u{1b}1"), "{text}");
    }

    #[test]
    fn old_and_odd_results_are_shown_too() {
        let text = shown(json!({"ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1"}}));
        assert!(
            text.contains("10.0.0.2/24") && text.contains("10.0.0.1"),
            "{text}"
        );
        assert_eq!(
            shown(json!({"ips": 3, "interfaces": {}})).lines().count(),
            1
        );
    }
}

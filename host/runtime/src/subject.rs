//! Whom a call is about, as far as that is known: a call that can't be read is told of as well.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use cni::role::OWN_TYPE;
use cni::trace::TraceParent;
use cni::verb::Verb;
use serde_json::{Map, Value};

use crate::log::Fields;

/// Ids and names have no length limit; messages and log lines should. In characters.
const LONGEST_NAME: usize = 80;

/// Names are as the caller gave them, unchecked and shortened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Subject {
    pub(crate) verb: Option<Verb>,
    pub(crate) network: Option<String>,
    pub(crate) container_id: Option<String>,
    pub(crate) interface_name: Option<String>,
    /// The plugin that the entry names: a kind of link, a stage or an IPAM plugin; else the executable's name.
    pub(crate) plugin: String,
    /// The id of the caller's trace.
    pub(crate) trace_id: Option<String>,
}

impl Subject {
    /// What the name of the executable and the variables tell.
    pub(crate) fn of_caller(program: &OsStr, environment: &[(OsString, OsString)]) -> Self {
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, _)| name == wanted);
            let value = found.and_then(|(_, value)| value.to_str());
            value.filter(|value| !value.is_empty())
        };
        let name = Path::new(program).file_name().unwrap_or_default();
        Self {
            verb: variable("CNI_COMMAND").and_then(|verb| verb.parse().ok()),
            network: None,
            container_id: variable("CNI_CONTAINERID").map(shortened),
            interface_name: variable("CNI_IFNAME").map(shortened),
            plugin: shortened(&name.to_string_lossy()),
            trace_id: variable("TRACEPARENT")
                .and_then(|value| value.parse::<TraceParent>().ok())
                .map(|trace| trace.trace_id().to_owned()),
        }
    }

    /// Adds what a configuration tells, which need not be in order otherwise.
    pub(crate) fn read_config(&mut self, config: &Map<String, Value>) {
        self.network = name_in(config, "name").map(shortened);
        if let Some(plugin) = plugin_of(config, &self.plugin).map(shortened) {
            self.plugin = plugin;
        }
    }
}

impl Subject {
    /// Its fields of a log line.
    pub(crate) fn add_to(&self, line: &mut Fields) {
        line.add("verb", self.verb.map_or("-", Verb::as_str));
        line.add("plugin", &self.plugin);
        let known = [
            ("network", &self.network),
            ("container", &self.container_id),
            ("interface", &self.interface_name),
            ("trace", &self.trace_id),
        ];
        for (key, value) in known {
            if let Some(value) = value {
                line.add(key, value);
            }
        }
    }
}

/// The part of the configuration that is the executable's to serve.
fn plugin_of<'a>(config: &'a Map<String, Value>, executable: &str) -> Option<&'a str> {
    let within = |section: &str, key: &str| {
        let section = config.get(section)?.as_object()?;
        name_in(section, key)
    };
    let own = name_in(config, "type")?;
    if own == OWN_TYPE {
        return name_in(config, "plugin")
            .or_else(|| within("link", "kind"))
            .or(Some(own));
    }
    match within("ipam", "type") {
        Some(OWN_TYPE) => within("ipam", "plugin"),
        Some(name) if name == executable => Some(name),
        _ => Some(own),
    }
}

fn name_in<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let text = object.get(key).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// `network N, container C, interface I`, without what is not known.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("network", &self.network),
            ("container", &self.container_id),
            ("interface", &self.interface_name),
        ];
        let mut separator = "";
        for (what, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{what} {value}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// The first characters of a text.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_NAME) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject(config: &Value) -> Subject {
        subject_of("wasm-cni", config)
    }

    fn subject_of(executable: &str, config: &Value) -> Subject {
        let variables = [
            ("CNI_COMMAND", "ADD"),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_IFNAME", ""),
        ];
        let environment: Vec<_> = variables
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        let mut subject = Subject::of_caller(
            OsStr::new(&format!("/opt/cni/bin/{executable}")),
            &environment,
        );
        subject.read_config(config.as_object().unwrap());
        subject
    }

    #[test]
    fn the_plugin_is_the_part_that_is_ours() {
        let own_ipam = json!({"type": "wasm-cni", "plugin": "host-local"});
        for (config, plugin) in [
            (
                json!({"type": "wasm-cni", "link": {"kind": "bridge"}, "ipam": own_ipam}),
                "bridge",
            ),
            (json!({"type": "wasm-cni", "plugin": "portmap"}), "portmap"),
            (json!({"type": "macvlan", "ipam": own_ipam}), "host-local"),
            (
                json!({"type": "bridge", "ipam": {"type": "host-local"}}),
                "bridge",
            ),
            (
                json!({"type": "wasm-cni", "plugin": 7, "link": []}),
                "wasm-cni",
            ),
            (json!({"name": "n"}), "wasm-cni"),
        ] {
            assert_eq!(subject(&config).plugin, plugin, "{config}");
        }
    }

    #[test]
    fn under_another_name_the_part_is_the_one_of_that_name() {
        let config = json!({"type": "bridge", "ipam": {"type": "host-local"}});
        for executable in ["bridge", "host-local"] {
            assert_eq!(subject_of(executable, &config).plugin, executable);
        }
    }

    #[test]
    fn only_what_is_known_is_told() {
        assert_eq!(subject(&json!({})).to_string(), "container c1");
        assert_eq!(
            subject(&json!({"name": "pods"})).to_string(),
            "network pods, container c1"
        );
    }
}

use anyhow::{Context, Result};
use serde_json::Value;
use wasm_cni_tests::{Node, Pod};

/// What the kernel shows of a node and one pod.
pub(super) struct Seen {
    pub(super) host: Namespace,
    pub(super) pod: Namespace,
    /// `nft -j list ruleset`.
    pub(super) rules: Vec<Value>,
}

/// One network namespace.
pub(super) struct Namespace {
    pub(super) links: Vec<Value>,
    /// Link and address with prefix length; without those of scope link.
    pub(super) addresses: Vec<(String, String)>,
    /// Of all tables, without those that the kernel makes by itself.
    pub(super) routes: Vec<Route>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) destination: String,
    pub(super) gateway: Option<String>,
    pub(super) link: String,
}

impl Seen {
    pub(super) fn of(node: &Node, pod: &Pod<'_>) -> Result<Self> {
        let rules = node.json(&["nft", "-j", "list", "ruleset"])?;
        Ok(Self {
            host: Namespace::of(|argv| node.json(argv))?,
            pod: Namespace::of(|argv| pod.json(argv))?,
            rules: list(&rules["nftables"]).to_vec(),
        })
    }

    /// The sets and maps of our tables: name and elements.
    pub(super) fn sets(&self) -> impl Iterator<Item = (&str, &[Value])> {
        let objects = self
            .rules
            .iter()
            .flat_map(|rule| [&rule["set"], &rule["map"]]);
        objects
            .filter(|set| set["table"] == "wasm-cni")
            .map(|set| (set["name"].as_str().unwrap_or_default(), list(&set["elem"])))
    }

    /// Is there an element that holds all of these, in a set whose name has this in it?
    pub(super) fn has_element(&self, set: &str, needles: &[&str]) -> bool {
        let mut sets = self.sets().filter(|(name, _)| name.contains(set));
        sets.any(|(_, elements)| {
            elements.iter().any(|element| {
                let leaves = leaves(element);
                needles
                    .iter()
                    .all(|needle| leaves.iter().any(|leaf| leaf == needle))
            })
        })
    }
}

impl Namespace {
    fn of(json: impl Fn(&[&str]) -> Result<Value>) -> Result<Self> {
        let links = list(&json(&["ip", "-j", "-d", "link", "show"])?).to_vec();
        let shown = json(&["ip", "-j", "address", "show"])?;
        let addresses = list(&shown).iter().flat_map(|link| {
            let infos = list(&link["addr_info"]).iter();
            infos
                .filter(|info| info["scope"] != "link")
                .filter_map(|info| {
                    let address = format!("{}/{}", info["local"].as_str()?, info["prefixlen"]);
                    Some((link["ifname"].as_str()?.to_owned(), address))
                })
        });
        let mut routes = Vec::new();
        for (family, everything) in [("-4", "0.0.0.0/0"), ("-6", "::/0")] {
            let shown = json(&["ip", "-j", family, "route", "show", "table", "all"])?;
            let own = list(&shown)
                .iter()
                .filter(|route| route["protocol"] != "kernel");
            routes.extend(own.filter_map(|route| {
                let destination = match route["dst"].as_str()? {
                    "default" => everything.to_owned(),
                    address if address.contains('/') => address.to_owned(),
                    address => format!("{address}/{}", if family == "-4" { 32 } else { 128 }),
                };
                let text = |key: &str| route[key].as_str().map(str::to_owned);
                Some(Route {
                    destination,
                    gateway: text("gateway"),
                    link: text("dev").unwrap_or_default(),
                })
            }));
        }
        Ok(Self {
            links,
            addresses: addresses.collect(),
            routes,
        })
    }

    pub(super) fn link(&self, name: &str) -> Result<&Value> {
        let mut links = self.links.iter();
        links
            .find(|link| link["ifname"] == name)
            .with_context(|| format!("there is no link {name}"))
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The words of a value; a prefix and an address with its port as people write them, and their parts.
pub(super) fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let mut words = vec![text.clone()];
            let single = text.strip_suffix("/32").or(text.strip_suffix("/128"));
            words.extend(single.map(str::to_owned));
            if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
                words.extend([socket.ip().to_string(), socket.port().to_string()]);
            }
            words
        }
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(object) => match object.get("prefix") {
            Some(prefix) => {
                let address = prefix["addr"].as_str().unwrap_or_default();
                vec![format!("{address}/{}", prefix["len"])]
            }
            None => object.values().flat_map(leaves).collect(),
        },
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

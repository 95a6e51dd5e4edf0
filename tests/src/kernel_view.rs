use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Node, Pod};

impl Node {
    /// The links of the node's own namespace: `ip -j -d link`.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn links(&self) -> Result<Vec<Value>> {
        list(self.json(&["ip", "-j", "-d", "link", "show"])?)
    }

    /// The names of the links of a kind (`veth`, `bridge`) in the node's own namespace.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn link_names(&self, kind: &str) -> Result<Vec<String>> {
        let links = self.links()?;
        let of_kind = links
            .iter()
            .filter(|link| link["linkinfo"]["info_kind"] == kind);
        Ok(of_kind
            .filter_map(|link| link["ifname"].as_str().map(str::to_owned))
            .collect())
    }

    /// The addresses of a link, with prefix lengths and without those of scope link.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn addresses(&self, link: &str) -> Result<Vec<String>> {
        let found = self.json(&["ip", "-j", "address", "show", "dev", link])?;
        Ok(global_addresses(&found))
    }

    /// Sets a sysctl of the node's own namespace; the name with slashes.
    ///
    /// # Errors
    /// When there is none of this name or the value is refused.
    pub fn set_sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{name}");
        self.ok(&["sh", "-c", "echo \"$1\" >\"$2\"", "sh", value, &path])
            .map(drop)
    }

    /// The whole rule set: `nft list ruleset`.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn ruleset(&self) -> Result<String> {
        self.ok(&["nft", "list", "ruleset"])
    }
}

impl Pod<'_> {
    /// A sysctl of the namespace; the name with slashes.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn sysctl(&self, name: &str) -> Result<String> {
        let path = format!("/proc/sys/{name}");
        Ok(self.ok(&["cat", &path])?.trim_end().to_owned())
    }

    /// Is there an interface of this name?
    ///
    /// # Errors
    /// When `ip` can't be started.
    pub fn has_link(&self, name: &str) -> Result<bool> {
        Ok(self.run(&["ip", "link", "show", "dev", name])?.success())
    }

    /// One link: `ip -j -d link`.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn link(&self, name: &str) -> Result<Value> {
        let found = list(self.json(&["ip", "-j", "-d", "link", "show", "dev", name])?)?;
        found
            .into_iter()
            .next()
            .with_context(|| format!("no link {name}"))
    }

    /// The addresses of a link, with prefix lengths and without those of scope link.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn addresses(&self, link: &str) -> Result<Vec<String>> {
        let found = self.json(&["ip", "-j", "address", "show", "dev", link])?;
        Ok(global_addresses(&found))
    }

    /// The routes of one family (`-4`, `-6`), main table.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn routes(&self, family: &str) -> Result<Vec<Value>> {
        list(self.json(&["ip", "-j", family, "route", "show"])?)
    }
}

fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => anyhow::bail!("not a list: {other}"),
    }
}

fn global_addresses(shown: &Value) -> Vec<String> {
    let links = shown.as_array().into_iter().flatten();
    let infos = links
        .filter_map(|link| link["addr_info"].as_array())
        .flatten();
    infos
        .filter(|info| info["scope"] != "link")
        .filter_map(|info| Some(format!("{}/{}", info["local"].as_str()?, info["prefixlen"])))
        .collect()
}

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::{CniCall, CniFailure, Node, Pod};

/// A network of one or several entries, called as a runtime calls them: ADD and CHECK in the list's order, each with the
/// result of the one before, DEL in reverse.
#[derive(Debug, Clone)]
pub struct Conflist {
    list: Value,
    capabilities: Map<String, Value>,
    arguments: Option<String>,
    interface: String,
}

impl Conflist {
    /// A list of version 1.0.0.
    #[must_use]
    pub fn new(name: &str, plugins: &[Value]) -> Self {
        Self {
            list: json!({"cniVersion": "1.0.0", "name": name, "plugins": plugins}),
            capabilities: Map::new(),
            arguments: None,
            interface: "eth0".into(),
        }
    }

    /// The same list with one value changed; the path is a JSON pointer, its parents must exist.
    #[must_use]
    pub fn with(&self, pointer: &str, value: impl Into<Value>) -> Self {
        let mut changed = self.clone();
        if let Some(known) = changed.list.pointer_mut(pointer) {
            *known = value.into();
        } else if let Some((parent, key)) = pointer.rsplit_once('/')
            && let Some(object) = changed.list.pointer_mut(parent)
        {
            object[key] = value.into();
        }
        changed
    }

    /// The same list without the entry at this place.
    #[must_use]
    pub fn without_entry(&self, index: usize) -> Self {
        let mut changed = self.clone();
        if let Some(plugins) = changed.list["plugins"].as_array_mut() {
            plugins.remove(index);
        }
        changed
    }

    /// The same list with one more entry at its end.
    #[must_use]
    pub fn with_entry(&self, entry: Value) -> Self {
        let mut changed = self.clone();
        if let Some(plugins) = changed.list["plugins"].as_array_mut() {
            plugins.push(entry);
        }
        changed
    }

    /// What the runtime passes to entries that declare this capability.
    #[must_use]
    pub fn capability(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut changed = self.clone();
        changed.capabilities.insert(name.into(), value.into());
        changed
    }

    /// The same list without CHECK, which [`Conflist::check`] then passes over.
    #[must_use]
    pub fn unchecked(&self) -> Self {
        self.with("/disableCheck", true)
    }

    /// `CNI_ARGS`.
    #[must_use]
    pub fn arguments(&self, text: &str) -> Self {
        let mut changed = self.clone();
        changed.arguments = Some(text.into());
        changed
    }

    /// Another interface than `eth0`.
    #[must_use]
    pub fn interface(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.interface = name.into();
        changed
    }

    /// The file for a runtime.
    #[must_use]
    pub fn text(&self) -> String {
        self.list.to_string()
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.list["plugins"].as_array().into_iter().flatten()
    }

    fn call<'a>(
        &self,
        node: &'a Node,
        pod: &Pod<'_>,
        verb: &str,
        entry: &Value,
        previous: &Value,
    ) -> CniCall<'a> {
        let mut config = entry.clone();
        config["name"] = self.list["name"].clone();
        config["cniVersion"] = self.list["cniVersion"].clone();
        let declared = |name: &str| entry["capabilities"][name] == true;
        let passed: Map<_, _> = self
            .capabilities
            .iter()
            .filter(|(name, _)| declared(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !passed.is_empty() {
            config["runtimeConfig"] = passed.into();
        }
        if let Some(object) = config.as_object_mut() {
            object.remove("capabilities");
        }
        if !previous.is_null() {
            config["prevResult"] = previous.clone();
        }
        let executable = entry["type"].as_str().unwrap_or_default();
        let call = CniCall::new(node, executable, verb)
            .attachment(pod.name(), &pod.netns(), &self.interface)
            .config(&config);
        match &self.arguments {
            Some(arguments) => call.variable("CNI_ARGS", arguments),
            None => call,
        }
    }

    /// ADD that must succeed; the final result.
    ///
    /// # Errors
    /// When an entry fails.
    pub fn add(&self, node: &Node, pod: &Pod<'_>) -> Result<Value> {
        let mut previous = Value::Null;
        for entry in self.entries() {
            let call = self.call(node, pod, "ADD", entry, &previous);
            previous = call.succeed().with_context(|| entry.to_string())?;
        }
        Ok(previous)
    }

    /// ADD that must fail at some entry. After it DEL goes over the whole list, as runtimes do, and must succeed.
    ///
    /// # Errors
    /// When every entry succeeds, or DEL fails.
    pub fn refused(&self, node: &Node, pod: &Pod<'_>) -> Result<CniFailure> {
        let mut previous = Value::Null;
        for entry in self.entries() {
            let reply = self.call(node, pod, "ADD", entry, &previous).run()?;
            if reply.0.success() {
                previous = reply.result()?;
            } else {
                let failure = reply.failure().with_context(|| entry.to_string())?;
                self.del(node, pod, &Value::Null)?;
                return Ok(failure);
            }
        }
        bail!("ADD succeeded: {previous}")
    }

    /// GC of every entry: only these pods' interfaces are in use.
    ///
    /// # Errors
    /// When one fails.
    pub fn gc(&self, node: &Node, pods: &[&Pod<'_>]) -> Result<()> {
        let valid: Vec<_> = pods
            .iter()
            .map(|pod| json!({"containerID": pod.name(), "ifname": self.interface}))
            .collect();
        for entry in self.entries() {
            let mut config = entry.clone();
            config["name"] = self.list["name"].clone();
            config["cniVersion"] = self.list["cniVersion"].clone();
            config["cni.dev/valid-attachments"] = valid.clone().into();
            let executable = entry["type"].as_str().unwrap_or_default();
            let call = CniCall::new(node, executable, "GC").config(&config);
            call.succeed().with_context(|| entry.to_string())?;
        }
        Ok(())
    }

    /// CHECK of every entry, with the final result of ADD, unless the list has `disableCheck`.
    ///
    /// # Errors
    /// When one fails.
    pub fn check(&self, node: &Node, pod: &Pod<'_>, result: &Value) -> Result<()> {
        let checked = self.list["disableCheck"] != true;
        for entry in self.entries().filter(|_| checked) {
            let call = self.call(node, pod, "CHECK", entry, result);
            call.succeed().with_context(|| entry.to_string())?;
        }
        Ok(())
    }

    /// DEL of every entry, last first, with the final result of ADD (Null: none).
    ///
    /// # Errors
    /// When one fails.
    pub fn del(&self, node: &Node, pod: &Pod<'_>, result: &Value) -> Result<()> {
        for entry in self.entries().rev() {
            let call = self.call(node, pod, "DEL", entry, result);
            call.succeed().with_context(|| entry.to_string())?;
        }
        Ok(())
    }

    /// DEL of one entry alone.
    ///
    /// # Errors
    /// When it fails.
    pub fn del_entry(
        &self,
        index: usize,
        node: &Node,
        pod: &Pod<'_>,
        result: &Value,
    ) -> Result<()> {
        self.entry(index, node, pod, "DEL", result)?.succeed()?;
        Ok(())
    }

    /// The call of one entry alone, with this `prevResult` (Null: none).
    ///
    /// # Errors
    /// When there is no such entry.
    pub fn entry<'a>(
        &self,
        index: usize,
        node: &'a Node,
        pod: &Pod<'_>,
        verb: &str,
        previous: &Value,
    ) -> Result<CniCall<'a>> {
        let entry = self.entries().nth(index).context("no such entry")?;
        Ok(self.call(node, pod, verb, entry, previous))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Is there no entry?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

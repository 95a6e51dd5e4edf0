use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::{Node, Outcome};

/// The network namespace of one container, named by `ip netns`.
#[derive(Debug)]
pub struct Pod<'a> {
    node: &'a Node,
    name: String,
}

impl<'a> Pod<'a> {
    pub(crate) fn new(node: &'a Node, name: &str) -> Result<Self> {
        node.ok(&["ip", "netns", "add", name])?;
        Ok(Self {
            node,
            name: name.into(),
        })
    }

    /// What `CNI_NETNS` says.
    #[must_use]
    pub fn netns(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// The path by which this process reaches the namespace.
    pub(crate) fn own_namespace(&self) -> PathBuf {
        self.node.path(&self.netns())
    }

    /// Its name; tests use it as container id as well.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes the path; the namespace goes with it unless a process is inside.
    ///
    /// # Errors
    /// When that fails.
    pub fn delete(&self) -> Result<()> {
        self.node
            .ok(&["ip", "netns", "delete", &self.name])
            .map(drop)
    }

    /// Runs a command inside.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn run(&self, argv: &[&str]) -> Result<Outcome> {
        let enter = format!("--net={}", self.netns());
        let mut all = vec!["nsenter", &enter, "--"];
        all.extend(argv);
        self.node.run(&all)
    }

    /// Runs a command inside that must succeed; its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn ok(&self, argv: &[&str]) -> Result<String> {
        self.run(argv)?
            .output()
            .with_context(|| format!("{}: {}", self.name, argv.join(" ")))
    }

    /// Runs a command inside that must succeed and answer JSON.
    ///
    /// # Errors
    /// When it fails or answers something else.
    pub fn json(&self, argv: &[&str]) -> Result<Value> {
        let text = self.ok(argv)?;
        let text = if text.trim().is_empty() { "[]" } else { &text };
        Ok(serde_json::from_str(text)?)
    }

    /// Does an echo request reach this address?
    ///
    /// # Errors
    /// When `ping` can't be started.
    pub fn reaches(&self, address: &str) -> Result<bool> {
        // The first packet may meet a bridge port that still learns, so the limit is on the whole, not on the count.
        Ok(self
            .run(&["ping", "-n", "-q", "-c", "1", "-w", "5", address])?
            .success())
    }

    /// Does work on a thread that is inside.
    ///
    /// # Errors
    /// When the namespace can't be entered, or what the work says.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_netns(&self.own_namespace(), work)
    }
}

/// Does work on a throwaway thread inside a network namespace.
///
/// # Errors
/// When the namespace can't be entered, or what the work says.
pub fn in_netns<T: Send>(netns: &Path, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let file = File::open(netns).with_context(|| netns.display().to_string())?;
    thread::scope(|scope| {
        scope
            .spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET)?;
                work()
            })
            .join()
            .map_err(|_| anyhow!("the thread inside the namespace panicked"))?
    })
}

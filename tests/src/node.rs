use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Outcome, Pod, binary, requirement, with_fault_points};

/// Where a node's CNI executables are: the reference plugins and ours.
pub const BIN_DIR: &str = "/opt/cni/bin";
/// Where Debian's package has the reference plugins.
pub const REFERENCE_PLUGINS: &str = "/usr/lib/cni";
/// In seconds; no test command should come near it.
const TIME_LIMIT: u32 = 60;

/// A private machine for one test: own mounts (`/run`, `/etc`, `/opt`, `/var/lib`, `/var/log`), network and processes.
///
/// It ends when it is dropped and when the test process dies, however that happens, and leaves nothing behind: its
/// process 1 waits for the end of a pipe that only this process holds open.
#[derive(Debug)]
pub struct Node {
    holder: Child,
    pid: u32,
    cgroup: String,
}

impl Node {
    /// Starts a node with the reference plugins, and ours if they are built, in [`BIN_DIR`]. None when the test must
    /// be skipped, which has been told.
    ///
    /// # Errors
    /// When a namespace can't be made; in CI also where the test would be skipped.
    pub fn start() -> Result<Option<Self>> {
        let Some(node) = Self::boot()? else {
            return Ok(None);
        };
        node.link_plugins()?;
        Ok(Some(node))
    }

    /// Starts a node that has exactly these executables in [`BIN_DIR`], under these names.
    ///
    /// # Errors
    /// As with [`Node::start`].
    pub fn start_with(executables: &BTreeMap<String, PathBuf>) -> Result<Option<Self>> {
        let Some(node) = Self::boot()? else {
            return Ok(None);
        };
        for (name, path) in executables {
            node.link_plugin(name, path)?;
        }
        Ok(Some(node))
    }

    fn boot() -> Result<Option<Self>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !(requirement::root()? && requirement::program("nft")? && requirement::program("ip")?) {
            return Ok(None);
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let cgroup = format!("wasm-cni-test-{}-{number}", std::process::id());
        let mut holder = Command::new("sh")
            .args([
                "-c",
                include_str!("holder.sh"),
                "sh",
                include_str!("node.sh"),
                &cgroup,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = holder
            .stdout
            .take()
            .context("the holder has no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let pid = line.trim().parse().context("the node did not come up")?;
        Ok(Some(Self {
            holder,
            pid,
            cgroup,
        }))
    }

    fn link_plugins(&self) -> Result<()> {
        if requirement::program("unshare")? && Path::new(REFERENCE_PLUGINS).is_dir() {
            for (name, path) in executables(Path::new(REFERENCE_PLUGINS))? {
                self.link_plugin(&name, &path)?;
            }
        }
        for name in ["wasm-cni", "wasm-cnictl"] {
            if let Ok(path) = binary(name) {
                self.link_plugin(name, &path)?;
            }
        }
        Ok(())
    }

    fn link_plugin(&self, name: &str, executable: &Path) -> Result<()> {
        let link = self.path(BIN_DIR).join(name);
        std::os::unix::fs::symlink(executable, link)?;
        Ok(())
    }

    /// The path by which this process reaches a file of the node.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// The path by which this process reaches the node's own network namespace.
    pub(crate) fn own_namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.pid))
    }

    /// Puts our executable into [`BIN_DIR`] under a reference plugin's name, in place of that one if it is there.
    ///
    /// # Errors
    /// When ours is not built or the directory can't be written.
    pub fn drop_in(&self, name: &str) -> Result<()> {
        self.replace(name, &binary("wasm-cni")?)
    }

    /// From now on our executable can be killed before each of its effects ([`crate::CniCall::killed_at`]).
    ///
    /// # Errors
    /// When that one is not built or the directory can't be written.
    pub fn arm_fault_points(&self) -> Result<()> {
        self.replace("wasm-cni", &with_fault_points()?)
    }

    fn replace(&self, name: &str, executable: &Path) -> Result<()> {
        let link = self.path(BIN_DIR).join(name);
        if link.is_symlink() {
            std::fs::remove_file(&link).with_context(|| link.display().to_string())?;
        }
        std::os::unix::fs::symlink(executable, link)?;
        Ok(())
    }

    /// The name below which the node's containers have their cgroups; removed with the node.
    #[must_use]
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// A command inside the node, ended by force when it overstays `seconds`.
    #[must_use]
    pub fn command_within(&self, seconds: &str, argv: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args([
                "--target",
                &self.pid.to_string(),
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--uts",
            ])
            .args(["--", "timeout", "--signal=KILL", seconds])
            .args(argv)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root");
        command
    }

    /// A command inside the node.
    #[must_use]
    pub fn command(&self, argv: &[&str]) -> Command {
        self.command_within(&TIME_LIMIT.to_string(), argv)
    }

    /// Runs a command inside the node.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn run(&self, argv: &[&str]) -> Result<Outcome> {
        Outcome::of(&mut self.command(argv), b"")
    }

    /// Runs a command that must succeed; its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn ok(&self, argv: &[&str]) -> Result<String> {
        self.run(argv)?.output().with_context(|| argv.join(" "))
    }

    /// Runs a command that must succeed and answer JSON.
    ///
    /// # Errors
    /// When it fails or answers something else.
    pub fn json(&self, argv: &[&str]) -> Result<Value> {
        let text = self.ok(argv)?;
        // `ip -j` says nothing at all when there is nothing to list.
        let text = if text.trim().is_empty() { "[]" } else { &text };
        serde_json::from_str(text).with_context(|| format!("{}: {text}", argv.join(" ")))
    }

    /// Runs `wasm-cnictl --json` with these words; what it answers.
    ///
    /// # Errors
    /// When it fails or does not answer JSON.
    pub fn ctl(&self, words: &[&str]) -> Result<Value> {
        let executable = format!("{BIN_DIR}/wasm-cnictl");
        let mut argv = vec![executable.as_str(), "--json"];
        argv.extend(words);
        self.json(&argv)
    }

    /// Writes a file inside the node; its directory is made.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, inside: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(inside);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Makes a pod's namespace.
    ///
    /// # Errors
    /// When that fails.
    pub fn pod(&self, name: &str) -> Result<Pod<'_>> {
        Pod::new(self, name)
    }
}

/// The files of a directory by name, as for [`Node::start_with`].
///
/// # Errors
/// When the directory can't be read or a name is not UTF-8.
pub fn executables(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    entries
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_name().and_then(std::ffi::OsStr::to_str);
            let name = name.with_context(|| path.display().to_string())?.to_owned();
            Ok((name, path))
        })
        .collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

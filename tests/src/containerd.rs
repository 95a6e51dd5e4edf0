use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::{Node, Outcome, Place, image, requirement};

const LOG: &str = "/run/containerd.log";
const IMAGE: &str = "/run/image";
const PATIENCE: Duration = Duration::from_secs(30);

/// containerd with runc inside a node. It reads the networks of `/etc/cni/net.d` and ends with the node.
#[derive(Debug)]
pub struct Containerd<'a> {
    node: &'a Node,
    _daemon: Child,
}

impl<'a> Containerd<'a> {
    /// Starts containerd and gives it an image of busybox. None when the test must be skipped.
    ///
    /// # Errors
    /// When it does not come up; in CI also where the test would be skipped.
    pub fn start(node: &'a Node) -> Result<Option<Self>> {
        for program in ["containerd", "ctr", "runc", "busybox"] {
            if !requirement::program(program)? {
                return Ok(None);
            }
        }
        image::build(&node.path(IMAGE))?;
        let log = File::create(node.path(LOG))?;
        let daemon = node
            .command_within("600", &["containerd"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let this = Self {
            node,
            _daemon: daemon,
        };
        this.await_output(&["ctr", "version"], |outcome| outcome.success())?;
        let archive = format!("{IMAGE}/{}", image::ARCHIVE);
        node.ok(&[
            "ctr",
            "image",
            "import",
            "--snapshotter",
            "native",
            &archive,
        ])?;
        Ok(Some(this))
    }

    /// Runs a container on the network of `/etc/cni/net.d`; back when it has its network.
    ///
    /// # Errors
    /// When it does not come up; the error holds what `ctr` and containerd said.
    pub fn run(&self, id: &str) -> Result<Container<'_>> {
        let cgroup = format!("/{}/{id}", self.node.cgroup());
        // In the foreground: only then does `ctr` delete the network afterwards.
        let mut ctr = self
            .node
            .command_within(
                "300",
                &[
                    "ctr",
                    "run",
                    "--rm",
                    "--null-io",
                    "--cni",
                    "--snapshotter",
                    "native",
                    "--cgroup",
                    &cgroup,
                    image::NAME,
                    id,
                ],
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let start = Instant::now();
        // `ctr` starts the task after the network is there.
        let pid = loop {
            let tasks = self.node.ok(&["ctr", "task", "list"])?;
            if let Some(pid) = tasks.lines().find_map(|line| running(line, id)) {
                break pid;
            }
            if ctr.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                let _ = ctr.kill();
                let output = ctr.wait_with_output()?;
                bail!(
                    "{id} did not start: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
            thread::sleep(Duration::from_millis(20));
        };
        Ok(Container {
            node: self.node,
            id: id.into(),
            pid,
            ctr,
        })
    }

    fn await_output(&self, argv: &[&str], done: impl Fn(&Outcome) -> bool) -> Result<()> {
        let start = Instant::now();
        while !done(&self.node.run(argv)?) {
            ensure!(
                start.elapsed() < PATIENCE,
                "{} in vain; containerd says: {}",
                argv.join(" "),
                self.node.ok(&["tail", "-n", "20", LOG])?
            );
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The process of a container that a line of `ctr task list` shows running.
fn running(line: &str, id: &str) -> Option<u32> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words.as_slice() {
        [task, pid, "RUNNING"] if *task == id => pid.parse().ok(),
        _ => None,
    }
}

/// A container that runs.
#[derive(Debug)]
pub struct Container<'a> {
    node: &'a Node,
    id: String,
    /// As the node numbers its processes.
    pid: u32,
    ctr: Child,
}

impl Place for Container<'_> {
    fn namespace(&self) -> PathBuf {
        self.node.path(&format!("/proc/{}/ns/net", self.pid))
    }
}

impl Container<'_> {
    /// Runs a command inside.
    ///
    /// # Errors
    /// When `ctr` can't be started.
    pub fn run(&self, argv: &[&str]) -> Result<Outcome> {
        let mut all = vec!["ctr", "task", "exec", "--exec-id", "test", &self.id];
        all.extend(argv);
        self.node.run(&all)
    }

    /// Does an echo request from inside reach this address?
    ///
    /// # Errors
    /// When `ctr` can't be started.
    pub fn reaches(&self, address: &str) -> Result<bool> {
        Ok(self
            .run(&["ping", "-c", "1", "-w", "5", address])?
            .success())
    }

    /// The addresses of `eth0`, with prefix lengths and without those of scope link: IPv4 first.
    ///
    /// # Errors
    /// When `ip` fails inside.
    pub fn addresses(&self) -> Result<Vec<String>> {
        let text = self
            .run(&["ip", "address", "show", "dev", "eth0"])?
            .output()?;
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| line.contains("scope global"));
        Ok(lines
            .filter_map(|line| line.split(' ').nth(1))
            .map(str::to_owned)
            .collect())
    }

    /// Ends it; back when containerd has deleted its network.
    ///
    /// # Errors
    /// When `ctr` reports an error, a failed DEL for instance.
    pub fn delete(mut self) -> Result<()> {
        self.node
            .ok(&["ctr", "task", "kill", "--signal", "KILL", &self.id])?;
        let mut text = String::new();
        if let Some(mut stderr) = self.ctr.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut text)?;
        }
        self.ctr.wait()?;
        // The status is the killed container's.
        ensure!(
            !text.contains("failed") && !text.contains("error"),
            "{}: {text}",
            self.id
        );
        Ok(())
    }
}

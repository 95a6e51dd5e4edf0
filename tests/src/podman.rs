use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{BIN_DIR, Node, Outcome, Place, image, requirement};

const IMAGE: &str = "/run/podman-image";
/// The network that the package brings.
const STOCK_NETWORK: &str = "/etc/cni/net.d/87-podman-bridge.conflist";

/// podman with its CNI back end inside a node, on the network that its package brings.
#[derive(Debug)]
pub struct Podman<'a> {
    node: &'a Node,
}

impl<'a> Podman<'a> {
    /// Gives podman its settings and an image of busybox. None when the test must be skipped.
    ///
    /// # Errors
    /// When it does not work; in CI also where the test would be skipped.
    pub fn start(node: &'a Node) -> Result<Option<Self>> {
        for program in ["podman", "runc", "busybox"] {
            if !requirement::program(program)? {
                return Ok(None);
            }
        }
        let network = std::fs::read(STOCK_NETWORK).context(STOCK_NETWORK)?;
        node.write(STOCK_NETWORK, network)?;
        node.write(
            "/etc/containers/containers.conf",
            format!(
                "[network]\nnetwork_backend = \"cni\"\ncni_plugin_dirs = [\"{BIN_DIR}\"]\n[engine]\n\
                 cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n"
            ),
        )?;
        image::build(&node.path(IMAGE))?;
        let this = Self { node };
        this.run(&["load", "-i", &format!("{IMAGE}/{}", image::ARCHIVE)])?
            .output()?;
        Ok(Some(this))
    }

    fn run(&self, words: &[&str]) -> Result<Outcome> {
        self.node
            .run(&[&["podman", "--storage-driver", "vfs"], words].concat())
    }

    /// Runs a container with these further options.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn container(&self, name: &str, options: &[&str]) -> Result<PodmanContainer<'_>> {
        let parent = format!("--cgroup-parent=/{}", self.node.cgroup());
        let run = ["run", "--detach", "--name", name, &parent];
        self.run(&[&run, options, &[image::NAME, "sleep", "600"]].concat())?
            .output()?;
        let pid = ["inspect", "--format", "{{.State.Pid}}", name];
        Ok(PodmanContainer {
            podman: self,
            name: name.into(),
            pid: self.run(&pid)?.output()?.trim().parse()?,
        })
    }
}

/// A container that runs.
#[derive(Debug)]
pub struct PodmanContainer<'a> {
    podman: &'a Podman<'a>,
    name: String,
    /// As the node numbers its processes.
    pid: u32,
}

impl Place for PodmanContainer<'_> {
    fn namespace(&self) -> PathBuf {
        let path = format!("/proc/{}/ns/net", self.pid);
        self.podman.node.path(&path)
    }
}

impl PodmanContainer<'_> {
    /// The address that podman knows of it.
    ///
    /// # Errors
    /// When podman fails.
    pub fn address(&self) -> Result<String> {
        let format = "{{.NetworkSettings.IPAddress}}";
        let told = self
            .podman
            .run(&["inspect", "--format", format, &self.name])?;
        Ok(told.output()?.trim().to_owned())
    }

    /// Does an echo request from inside reach this address?
    ///
    /// # Errors
    /// When podman can't be started.
    pub fn reaches(&self, address: &str) -> Result<bool> {
        let ping = ["exec", &self.name, "ping", "-c", "1", "-w", "5", address];
        Ok(self.podman.run(&ping)?.success())
    }

    /// Ends it with its network.
    ///
    /// # Errors
    /// When podman reports an error.
    pub fn delete(self) -> Result<()> {
        let told = self
            .podman
            .run(&["rm", "--force", "--time", "0", &self.name])?;
        told.output().map(drop)
    }
}

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Outcome;

/// The image's name in a runtime.
pub(crate) const NAME: &str = "test.local/busybox:latest";
/// The file that [`build`] makes.
pub(crate) const ARCHIVE: &str = "image.tar";
const BUSYBOX: &str = "/usr/bin/busybox";
const APPLETS: [&str; 5] = ["sh", "ping", "sleep", "nc", "ip"];

/// Makes a docker archive of busybox, for `ctr image import`, in a directory.
///
/// # Errors
/// When busybox is not installed or the archive can't be written.
pub(crate) fn build(directory: &Path) -> Result<()> {
    let root = directory.join("root");
    fs::create_dir_all(root.join("bin"))?;
    fs::copy(BUSYBOX, root.join("bin/busybox")).context(BUSYBOX)?;
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
    }
    let layer = directory.join("layer.tar");
    tar(&root, &layer, &["."])?;
    let digest = Sha256::digest(fs::read(&layer)?);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Cmd": ["sleep", "3600"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"]}]);
    fs::write(directory.join("config.json"), config.to_string())?;
    fs::write(directory.join("manifest.json"), manifest.to_string())?;
    tar(
        directory,
        &directory.join(ARCHIVE),
        &["manifest.json", "config.json", "layer.tar"],
    )
}

fn tar(directory: &Path, archive: &Path, members: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new("tar");
    command
        .arg("-C")
        .arg(directory)
        .arg("-cf")
        .arg(archive)
        .args(members);
    Outcome::of(&mut command, b"")?.output().map(drop)
}

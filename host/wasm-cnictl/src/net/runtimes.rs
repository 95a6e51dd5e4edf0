//! Attachments of other runtimes on this node, from the results that libcni keeps for them.
//!
//! GC removes everything that is not in its list, and the list must not forget what containerd or
//! CRI-O attached to the same network. libcni writes one `cniCacheV1` object per attachment.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use cni::attachment::ValidAttachment;
use cni::ids::{ContainerId, InterfaceName, NetworkName};
use serde::Deserialize;

/// Where libcni keeps results unless its caller says otherwise.
pub(super) const USUAL_DIRECTORY: &str = "/var/lib/cni/results";

/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The keys of libcni's `cachedInfo` that say whose result it is.
#[derive(Debug, Deserialize)]
struct Cached {
    kind: String,
    #[serde(rename = "containerId")]
    container_id: ContainerId,
    #[serde(rename = "ifName")]
    interface_name: InterfaceName,
    #[serde(rename = "networkName")]
    network: NetworkName,
}

/// The attachments of `network` that other runtimes have made; none where `directory` is missing.
///
/// # Errors
/// When a file can't be read or understood: it may describe a living attachment.
pub(super) fn attachments(
    directory: &Path,
    network: &NetworkName,
) -> anyhow::Result<Vec<ValidAttachment>> {
    let context = || {
        format!(
            "can't read the other runtimes' results in {}",
            directory.display()
        )
    };
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(context)?,
    };
    let mut found = Vec::new();
    for file in files {
        let path = file.with_context(context)?.path();
        let cached = read(&path).with_context(|| {
            format!(
                "can't use {}; without it GC can't know what is in use: mend or remove the file",
                path.display()
            )
        })?;
        if let Some(cached) = cached.filter(|cached| cached.network == *network) {
            let Cached {
                container_id,
                interface_name,
                ..
            } = cached;
            found.push(ValidAttachment {
                container_id,
                interface_name,
            });
        }
    }
    Ok(found)
}

/// None for a file that has vanished meanwhile.
fn read(path: &Path) -> anyhow::Result<Option<Cached>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let cached: Cached = serde_json::from_slice(&bytes)?;
    anyhow::ensure!(
        cached.kind == "cniCacheV1",
        "its kind is {:?}, not cniCacheV1",
        cached.kind
    );
    Ok(Some(cached))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    const OURS: &str = r#"{"kind":"cniCacheV1","containerId":"c1","config":"e30=","ifName":"eth0",
        "networkName":"pods","netns":"/x","result":{}}"#;

    #[test]
    fn attachments_of_the_network_are_found() {
        let other = OURS.replace("\"pods\"", "\"other\"");
        let directory = directory(&[("pods-c1-eth0", OURS), ("other-c1-eth0", &other)]);
        let found = attachments(directory.path(), &"pods".parse().unwrap()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].container_id.as_str(), "c1");
    }

    #[test]
    fn what_is_unreadable_stops_gc() {
        for text in [
            "{",
            "{}",
            r#"{"kind":"x","containerId":"c","ifName":"e","networkName":"n"}"#,
        ] {
            let directory = directory(&[("pods-c1-eth0", text)]);
            let error = attachments(directory.path(), &"pods".parse().unwrap()).unwrap_err();
            assert!(format!("{error:#}").contains("pods-c1-eth0"), "{error:#}");
        }
    }

    #[test]
    fn a_node_without_other_runtimes_has_none() {
        let missing = Path::new("/nonexistent/results");
        assert_eq!(attachments(missing, &"pods".parse().unwrap()).unwrap(), []);
    }
}

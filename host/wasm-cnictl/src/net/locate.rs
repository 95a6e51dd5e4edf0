//! Finding a network among the configuration files of a directory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::conflist::{Network, Plugin};

/// Largest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The network `wanted`: the path of a file where it has a slash, else a name that is looked for in
/// `directory`, lists before single plugins, each in the order of file names.
///
/// # Errors
/// When no file describes the network, or the one that does is wrong.
pub(crate) fn network(wanted: &str, directory: &Path) -> anyhow::Result<Network> {
    let network = if wanted.contains('/') {
        let path = Path::new(wanted);
        read(path).with_context(|| format!("network file {}", path.display()))?
    } else {
        by_name(wanted, directory)?
    };
    ensure!(
        !network.plugins.is_empty(),
        "network {} has no plugins; list at least one under \"plugins\"",
        network.name
    );
    Ok(network)
}

/// Every configuration file of a directory with its network, in the order in which names are looked for.
///
/// # Errors
/// When the directory can't be read. What is wrong with a file stands in its place.
pub(crate) fn all(directory: &Path) -> anyhow::Result<Vec<(PathBuf, anyhow::Result<Network>)>> {
    let described = |path: PathBuf| {
        let network = read(&path).and_then(|network| {
            ensure!(!network.plugins.is_empty(), "it has no plugins");
            Ok(network)
        });
        (path, network)
    };
    Ok(candidates(directory)?.into_iter().map(described).collect())
}

fn by_name(name: &str, directory: &Path) -> anyhow::Result<Network> {
    let mut known = Vec::new();
    let mut unreadable = Vec::new();
    for path in candidates(directory)? {
        match read(&path) {
            Ok(network) if network.name.as_str() == name => return Ok(network),
            Ok(network) => known.push(network.name.to_string()),
            // Another network's broken file must not stop this one.
            Err(error) => unreadable.push(format!("{}: {error:#}", path.display())),
        }
    }
    let mut message = format!(
        "no file in {} describes a network {name}",
        directory.display()
    );
    if !known.is_empty() {
        message.push_str(&format!("; there are {}", known.join(", ")));
    }
    for problem in unreadable {
        message.push_str(&format!("; can't use {problem}"));
    }
    bail!(message)
}

/// The configuration files of a directory: lists (`.conflist`) first, then single plugins.
fn candidates(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| {
        format!(
            "can't read the configuration directory {}; name another with --conf-dir",
            directory.display()
        )
    })?;
    let mut lists = Vec::new();
    let mut singles = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("can't read {}", directory.display()))?
            .path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("conflist") => lists.push(path),
            Some("conf" | "json") => singles.push(path),
            _ => {}
        }
    }
    lists.sort();
    singles.sort();
    lists.append(&mut singles);
    Ok(lists)
}

/// Reads a network and appends the plugins of `<directory>/<network>/*.conf`, as the reference
/// library does, unless the network says `loadOnlyInlinedPlugins`.
fn read(path: &Path) -> anyhow::Result<Network> {
    let mut network = Network::from_json(parse(path)?)?;
    if network.only_inlined {
        return Ok(network);
    }
    let folder = path
        .parent()
        .unwrap_or(Path::new("."))
        .join(network.name.as_str());
    for path in drop_ins(&folder)? {
        let plugin = parse(&path)
            .and_then(Plugin::from_json)
            .with_context(|| path.display().to_string())?;
        network.plugins.push(plugin);
    }
    Ok(network)
}

/// The `.conf` files of a network's own folder; none where there is no such folder.
fn drop_ins(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A network's name may be longer than a file's name can be, and then there is no folder.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::InvalidFilename
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("can't read {}", folder.display()));
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("can't read {}", folder.display()))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn parse(path: &Path) -> anyhow::Result<Value> {
    let file = File::open(path).context("can't open it")?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .context("can't read it")?;
    ensure!(
        u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES),
        "it is larger than {MAX_FILE_BYTES} bytes"
    );
    serde_json::from_slice(&bytes).context("it is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn types(network: &Network) -> Vec<&str> {
        network
            .plugins
            .iter()
            .map(|plugin| plugin.executable.as_str())
            .collect()
    }

    #[test]
    fn lists_come_before_single_plugins_and_broken_files_are_passed_over() {
        let directory = directory(&[
            ("00-broken.conflist", "{"),
            ("05-single.conf", r#"{"name":"pods","type":"single"}"#),
            (
                "10-list.conflist",
                r#"{"name":"pods","plugins":[{"type":"listed"}]}"#,
            ),
        ]);
        assert_eq!(
            types(&network("pods", directory.path()).unwrap()),
            ["listed"]
        );
    }

    #[test]
    fn plugins_of_the_networks_own_folder_are_appended_in_order() {
        let list = r#"{"name":"pods","plugins":[{"type":"a"}]}"#;
        let closed = r#"{"name":"closed","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a"}]}"#;
        let directory = directory(&[
            ("pods.conflist", list),
            ("pods/20.conf", r#"{"type":"c"}"#),
            ("pods/10.conf", r#"{"type":"b"}"#),
            ("pods/README", "not a plugin"),
            ("closed.conflist", closed),
            ("closed/10.conf", r#"{"type":"b"}"#),
        ]);
        assert_eq!(
            types(&network("pods", directory.path()).unwrap()),
            ["a", "b", "c"]
        );
        assert_eq!(types(&network("closed", directory.path()).unwrap()), ["a"]);
    }

    #[test]
    fn a_path_names_the_file_itself() {
        let directory = directory(&[("x.json", r#"{"name":"pods","plugins":[{"type":"a"}]}"#)]);
        let path = directory.path().join("x.json");
        let found = network(path.to_str().unwrap(), Path::new("/nonexistent")).unwrap();
        assert_eq!(found.name.as_str(), "pods");
    }

    #[test]
    fn an_unknown_network_is_told_with_what_is_there() {
        let directory = directory(&[
            ("a.conflist", r#"{"name":"other","plugins":[{"type":"a"}]}"#),
            ("b.conflist", "{"),
        ]);
        let error = network("pods", directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("other") && error.contains("b.conflist"),
            "{error}"
        );
    }

    #[test]
    fn a_network_without_plugins_is_refused() {
        let directory = directory(&[("a.conflist", r#"{"name":"pods","plugins":[]}"#)]);
        assert!(
            network("pods", directory.path())
                .unwrap_err()
                .to_string()
                .contains("no plugins")
        );
    }
}

//! What this tool has attached: one file per attachment, so that DEL and CHECK know the result.
//!
//! A file is written before the chain runs and completed with the result after it, so an ADD that
//! died in between can be deleted. Names have no length limit, so files are named by their hash.
//! Files are private (0600) and replaced atomically.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use cni::attachment::Attachment;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

/// Where the files are unless `--cache-dir` says otherwise. It dies with the boot, as links do.
pub(crate) const DEFAULT_DIRECTORY: &str = "/run/wasm-cni/results";

/// The format's number; a file with a greater one is refused.
const FORMAT: u32 = 1;

/// Largest file, in bytes: a configuration, a result and arguments.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// One attachment made by this tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    format: u32,
    /// Which attachment.
    #[serde(flatten)]
    pub(crate) attachment: Attachment,
    /// The container's network namespace, as it was given.
    pub(crate) netns: PathBuf,
    /// The network as it was when it was added; DEL and CHECK use this one.
    pub(crate) network_config: Value,
    /// The capability arguments of ADD.
    pub(crate) capability_arguments: BTreeMap<String, Value>,
    /// The `CNI_ARGS` of ADD.
    pub(crate) arguments: Option<String>,
    /// The `args.cni` of ADD.
    pub(crate) cni_args: Option<Value>,
    /// The chain's final result; None while ADD runs, and after one that died.
    pub(crate) result: Option<Value>,
}

impl Entry {
    /// An attachment that is about to be made.
    pub(crate) fn begun(attachment: Attachment, netns: PathBuf, network_config: Value) -> Self {
        Self {
            format: FORMAT,
            attachment,
            netns,
            network_config,
            capability_arguments: BTreeMap::new(),
            arguments: None,
            cni_args: None,
            result: None,
        }
    }
}

/// The directory with the files.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

/// Held while a chain runs: shared by single calls, exclusive for GC, which the specification
/// wants to run alone. Freed when dropped, and when the process dies.
#[derive(Debug)]
pub(crate) struct Guard {
    _file: File,
}

impl Cache {
    /// The cache in `directory`, which is made when missing.
    ///
    /// # Errors
    /// When the directory can't be made.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| {
                format!(
                    "can't make {}, where results are kept; run this as root or name another \
                 directory with --cache-dir",
                    directory.display()
                )
            })?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Waits for GC to end and keeps it off.
    ///
    /// # Errors
    /// When the lock can't be taken.
    pub(crate) fn share(&self) -> anyhow::Result<Guard> {
        self.lock(File::lock_shared)
    }

    /// Waits for every other call to end and keeps them off.
    ///
    /// # Errors
    /// When the lock can't be taken.
    pub(crate) fn exclude(&self) -> anyhow::Result<Guard> {
        self.lock(File::lock)
    }

    fn lock(&self, take: impl Fn(&File) -> io::Result<()>) -> anyhow::Result<Guard> {
        let file = File::open(&self.directory);
        file.and_then(|file| take(&file).map(|()| Guard { _file: file }))
            .with_context(|| format!("can't lock {}", self.directory.display()))
    }

    /// Writes a new entry.
    ///
    /// # Errors
    /// When the attachment has one already, and when it can't be written.
    pub(crate) fn begin(&self, entry: &Entry) -> anyhow::Result<()> {
        let path = self.path(&entry.attachment);
        match self.written(entry)?.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => bail!(
                "{} is attached already, or an earlier add of it did not end; run `wasm-cnictl net \
                 del` first",
                entry.attachment
            ),
            Err(error) => {
                Err(error.error).with_context(|| format!("can't write {}", path.display()))
            }
        }
    }

    /// Replaces an entry.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn complete(&self, entry: &Entry) -> anyhow::Result<()> {
        let path = self.path(&entry.attachment);
        let written = self
            .written(entry)?
            .persist(&path)
            .map_err(|error| error.error);
        written
            .map(drop)
            .with_context(|| format!("can't write {}", path.display()))
    }

    /// The entry of an attachment.
    ///
    /// # Errors
    /// When there is one that can't be read.
    pub(crate) fn get(&self, attachment: &Attachment) -> anyhow::Result<Option<Entry>> {
        let path = self.path(attachment);
        read(&path).with_context(|| format!("can't use {}", path.display()))
    }

    /// Removes an entry; that there is none is no failure.
    ///
    /// # Errors
    /// When it can't be removed.
    pub(crate) fn remove(&self, attachment: &Attachment) -> anyhow::Result<()> {
        let path = self.path(attachment);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Every entry, in no particular order.
    ///
    /// # Errors
    /// When one can't be read: GC must know them all.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let directory = || format!("can't read {}", self.directory.display());
        for file in fs::read_dir(&self.directory).with_context(directory)? {
            let path = file.with_context(directory)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            entries.extend(read(&path).with_context(|| format!("can't use {}", path.display()))?);
        }
        Ok(entries)
    }

    fn written(&self, entry: &Entry) -> anyhow::Result<NamedTempFile> {
        let context = || format!("can't write to {}", self.directory.display());
        let mut file = NamedTempFile::new_in(&self.directory).with_context(context)?;
        file.write_all(&serde_json::to_vec(entry)?)
            .with_context(context)?;
        Ok(file)
    }

    fn path(&self, attachment: &Attachment) -> PathBuf {
        let key = plan::Attachment {
            network: attachment.network.to_string(),
            container_id: attachment.container_id.to_string(),
            interface_name: attachment.interface_name.to_string(),
        }
        .key();
        self.directory.join(format!("{key}.json"))
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Entry>> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let Format { format } = serde_json::from_slice(&bytes)?;
    ensure!(
        format == FORMAT,
        "it has format {format} and this wasm-cnictl reads {FORMAT}; use the one that wrote it"
    );
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn attachment(container: &str) -> Attachment {
        Attachment {
            network: "pods".parse().unwrap(),
            container_id: container.parse().unwrap(),
            interface_name: "eth0".parse().unwrap(),
        }
    }

    fn entry(container: &str) -> Entry {
        Entry::begun(
            attachment(container),
            "/run/netns/x".into(),
            json!({"name": "pods"}),
        )
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("results")).unwrap();
        (directory, cache)
    }

    #[test]
    fn an_entry_comes_back_as_it_was_written() {
        let (_directory, cache) = cache();
        let mut entry = entry(&"x".repeat(4096));
        cache.begin(&entry).unwrap();
        entry.result = Some(json!({"cniVersion": "1.0.0"}));
        cache.complete(&entry).unwrap();
        assert_eq!(cache.get(&entry.attachment).unwrap(), Some(entry.clone()));
        assert_eq!(cache.all().unwrap(), [entry]);
    }

    #[test]
    fn an_attachment_is_begun_once() {
        let (_directory, cache) = cache();
        cache.begin(&entry("a")).unwrap();
        let error = cache.begin(&entry("a")).unwrap_err().to_string();
        assert!(error.contains("net del"), "{error}");
        cache.remove(&attachment("a")).unwrap();
        cache.remove(&attachment("a")).unwrap();
        cache.begin(&entry("a")).unwrap();
    }

    #[test]
    fn files_and_directory_are_private() {
        let (_directory, cache) = cache();
        cache.begin(&entry("a")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&cache.path(&attachment("a"))), 0o600);
        assert_eq!(mode(&cache.directory), 0o700);
    }

    #[test]
    fn a_file_of_a_later_format_is_refused_by_name() {
        let (_directory, cache) = cache();
        fs::write(cache.path(&attachment("a")), r#"{"format":2}"#).unwrap();
        let error = format!("{:#}", cache.get(&attachment("a")).unwrap_err());
        assert!(error.contains("format 2"), "{error}");
        assert!(cache.all().is_err());
    }

    #[test]
    fn gc_and_single_calls_keep_each_other_off() {
        let (_directory, cache) = cache();
        let shared = cache.share().unwrap();
        let _also_shared = cache.share().unwrap();
        let another = File::open(&cache.directory).unwrap();
        assert!(another.try_lock().is_err());
        drop(shared);
    }
}

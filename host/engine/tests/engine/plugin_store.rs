//! Native code is run from the store only if nobody but its owner could have put it there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use engine::{LoadError, PluginStore, StoreError, Target, compile};
use tempfile::TempDir;

use crate::support::{ENGINE, Guest, now, store};

struct Installed {
    _directory: TempDir,
    store: PluginStore,
    digest: String,
}

impl Installed {
    fn new() -> Self {
        let (directory, store) = store();
        let wasm = Guest::default().component();
        let digest = store
            .install(&ENGINE, "guest", &wasm, now())
            .unwrap()
            .digest;
        Self {
            _directory: directory,
            store,
            digest,
        }
    }

    fn plugin(&self) -> PathBuf {
        self.store.root().join("guest")
    }

    fn precompiled(&self) -> PathBuf {
        let files = fs::read_dir(self.plugin())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .into_iter()
            .find(|path| path.extension().is_some_and(|ext| ext == "cwasm"))
            .unwrap()
    }

    /// As a process that has not looked at the directory before.
    fn open(&self) -> Result<engine::Plugin, StoreError> {
        PluginStore::at(self.store.root()).open(&ENGINE, "guest", None)
    }

    /// Opening is refused because of this path.
    fn distrusts(&self, path: &Path) {
        match self.open() {
            Err(StoreError::Untrusted { path: found, .. }) => assert_eq!(found, path),
            other => panic!("{other:?}"),
        }
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_installed_is_opened_and_pinned_by_its_digest() {
    let installed = Installed::new();
    let plugin = installed
        .store
        .open(&ENGINE, "guest", Some(&installed.digest))
        .unwrap();
    assert_eq!(plugin.digest(), Some(installed.digest.as_str()));
    assert_eq!(plugin.name(), "guest");
}

#[test]
fn everything_belongs_to_its_owner_alone() {
    let installed = Installed::new();
    assert_eq!(mode(installed.store.root()), 0o700);
    assert_eq!(mode(&installed.plugin()), 0o700);
    for file in fs::read_dir(installed.plugin()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn another_component_than_the_pinned_one_is_never_run() {
    let installed = Installed::new();
    let wanted = format!("sha256:{}", "0".repeat(64));
    match installed.store.open(&ENGINE, "guest", Some(&wanted)) {
        Err(StoreError::WrongDigest {
            installed: found, ..
        }) => assert_eq!(found, installed.digest),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_others_can_write_is_not_trusted() {
    let installed = Installed::new();
    let file = installed.precompiled();
    for (path, good) in [
        (file.as_path(), 0o600),
        (&installed.plugin(), 0o700),
        (installed.store.root(), 0o700),
        (installed.store.root().parent().unwrap(), 0o700),
    ] {
        for bad in [good | 0o020, good | 0o002] {
            chmod(path, bad);
            installed.distrusts(path);
        }
        chmod(path, good);
    }
    installed.open().unwrap();
}

#[test]
fn links_are_not_followed_wherever_they_are() {
    let installed = Installed::new();
    for path in [
        installed.precompiled(),
        installed.plugin(),
        installed.store.root().to_owned(),
    ] {
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        installed.distrusts(&path);
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    installed.open().unwrap();
}

#[test]
fn a_directory_or_a_pipe_in_the_files_place_is_not_trusted() {
    let installed = Installed::new();
    let file = installed.precompiled();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    installed.distrusts(&file);
    fs::remove_dir(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    installed.distrusts(&file);
}

#[test]
fn a_relative_store_is_refused() {
    for root in ["plugins", "/var/lib/../lib/wasm-cni"] {
        let refused = PluginStore::at(root).open(&ENGINE, "guest", None);
        assert!(
            matches!(refused, Err(StoreError::Untrusted { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn what_another_version_compiled_is_stale_and_says_what_to_do() {
    let installed = Installed::new();
    let manifest = installed.plugin().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let compatibility = installed.store.inspect("guest").unwrap().compatibility;
    fs::write(&manifest, text.replace(&compatibility, &"0".repeat(32))).unwrap();
    let refused = installed.open().unwrap_err();
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("wasm-cnictl plugin install /"),
        "{refused}"
    );
}

#[test]
fn a_precompiled_file_that_is_gone_is_stale() {
    let installed = Installed::new();
    fs::remove_file(installed.precompiled()).unwrap();
    assert!(matches!(installed.open(), Err(StoreError::Stale { .. })));
}

#[test]
fn a_truncated_file_is_not_run() {
    let installed = Installed::new();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(installed.precompiled())
        .unwrap();
    file.set_len(4096).unwrap();
    assert!(matches!(
        installed.open(),
        Err(StoreError::Damaged { size: 4096, .. })
    ));
}

#[test]
fn what_other_settings_compiled_is_refused_by_wasmtime_itself() {
    let installed = Installed::new();
    let file = installed.precompiled();
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(false);
    let other = wasmtime::Engine::new(&config).unwrap();
    let native = other
        .precompile_component(&Guest::default().component())
        .unwrap();
    fs::write(&file, &native).unwrap();
    let manifest = installed.plugin().join("manifest.json");
    let size = installed.store.inspect("guest").unwrap().precompiled_size;
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace(&size.to_string(), &native.len().to_string());
    fs::write(&manifest, text).unwrap();
    let refused = installed.open().unwrap_err();
    assert!(
        matches!(refused, StoreError::Load(LoadError::Incompatible { .. })),
        "{refused:?}"
    );
}

#[test]
fn precompiled_code_from_elsewhere_is_refused() {
    let (_directory, store) = store();
    let native = compile(&Guest::default().component(), Target::Machine).unwrap();
    let refused = store.install(&ENGINE, "guest", &native, now()).unwrap_err();
    assert!(
        refused.to_string().contains("precompiled native code"),
        "{refused}"
    );
    assert!(matches!(
        store.open(&ENGINE, "guest", None),
        Err(StoreError::NotInstalled { .. })
    ));
}

#[test]
fn a_new_component_takes_the_place_of_the_old() {
    let installed = Installed::new();
    let wasm = Guest::allocating("unreachable").component();
    let manifest = installed
        .store
        .install(&ENGINE, "guest", &wasm, now())
        .unwrap();
    assert_ne!(manifest.digest, installed.digest);
    assert_eq!(
        installed.open().unwrap().digest(),
        Some(manifest.digest.as_str())
    );
    assert_eq!(fs::read_dir(installed.plugin()).unwrap().count(), 3);
}

#[test]
fn plugins_are_listed_by_name_and_one_that_is_broken_hides_no_other() {
    let installed = Installed::new();
    let wasm = Guest::default().component();
    installed
        .store
        .install(&ENGINE, "another", &wasm, now())
        .unwrap();
    fs::write(installed.plugin().join("manifest.json"), "{").unwrap();
    let listed = installed.store.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].as_ref().unwrap().name, "another");
    assert!(matches!(listed[1], Err(StoreError::BadManifest { .. })));
}

#[test]
fn a_store_that_does_not_exist_is_empty() {
    let (_directory, store) = store();
    assert!(store.list().unwrap().is_empty());
    assert!(matches!(
        store.inspect("guest"),
        Err(StoreError::NotInstalled { .. })
    ));
}

#[test]
fn what_was_removed_is_gone() {
    let installed = Installed::new();
    installed.store.remove("guest").unwrap();
    assert!(!installed.plugin().exists());
    assert!(matches!(
        installed.store.remove("guest"),
        Err(StoreError::NotInstalled { .. })
    ));
}

#[test]
fn a_name_is_never_a_path() {
    let (_directory, store) = store();
    for name in ["..", "a/b", ".hidden", ""] {
        let refused = store.install(&ENGINE, name, b"", now());
        assert!(
            matches!(refused, Err(StoreError::BadName { .. })),
            "{name:?}"
        );
        assert!(matches!(
            store.open(&ENGINE, name, None),
            Err(StoreError::BadName { .. })
        ));
    }
}

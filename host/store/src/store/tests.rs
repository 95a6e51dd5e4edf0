use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::environment::format_key;
use crate::testing::{TestStore, attachment, evidence, location, network};
use crate::{Record, ReserveError};

fn quarantined(address: &str) -> QuarantinedAddress {
    QuarantinedAddress {
        network: network(),
        address: address.parse().unwrap(),
        attachment: None,
        since: 1,
        evidence: evidence(),
    }
}

#[test]
fn a_new_store_gives_nothing_before_it_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&location(directory.path())).unwrap();
    assert!(store.is_new());
    let address = "10.1.0.2".parse().unwrap();
    let reserve = || store.reserve(network(), address, &attachment("a"), 1);
    assert!(matches!(
        reserve(),
        Err(ReserveError::Store(StoreError::NotFinished))
    ));
    let record = store.put_pending(&Record::new(attachment("a"), 1, 1), None);
    assert!(matches!(record, Err(StoreError::NotFinished)));
    store
        .finish_new(&[quarantined("10.1.0.2"), quarantined("10.1.0.2")], &[])
        .unwrap();
    assert!(!store.is_new());
    assert!(matches!(reserve(), Err(ReserveError::Taken { .. })));
}

#[test]
fn a_store_is_new_again_until_somebody_finishes_it() {
    let directory = tempfile::tempdir().unwrap();
    let location = location(directory.path());
    drop(Store::open(&location).unwrap());
    let store = Store::open(&location).unwrap();
    assert!(store.is_new());
    store.finish_new(&[], &[]).unwrap();
    drop(store);
    assert!(!Store::open(&location).unwrap().is_new());
}

#[test]
fn state_that_was_lost_makes_the_store_new() {
    let store = TestStore::new();
    let data = store.path().join("data.mdb");
    let directory = store.close();
    fs::remove_file(data).unwrap();
    assert!(Store::open(&location(directory.path())).unwrap().is_new());
}

#[test]
fn other_boots_are_deleted_unopened_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let location = location(directory.path());
    let other = location.root.join("00000000-0c3f-4bd5-9a5e-3a6a3b3c9d10");
    let kept = [
        location.root.join("cache"),
        directory.path().join("elsewhere"),
    ];
    for path in [&other.join("0000000000000001"), &kept[0], &kept[1]] {
        fs::create_dir_all(path).unwrap();
        // Not LMDB: opening it would fail.
        fs::write(path.join("data.mdb"), "torn").unwrap();
    }
    let link = location.root.join("11111111-0c3f-4bd5-9a5e-3a6a3b3c9d10");
    symlink(&kept[1], &link).unwrap();
    let store = Store::open(&location).unwrap();
    store.finish_new(&[], &[]).unwrap();
    assert!(!other.exists());
    for path in kept {
        assert!(path.join("data.mdb").exists());
    }
    assert!(location.directory().join("data.mdb").exists());
    // A second namespace of the same boot leaves the first alone.
    let second = Store::open(&Location {
        netns_cookie: 2,
        ..location
    })
    .unwrap();
    assert!(second.is_new());
    assert!(store.path().join("data.mdb").exists());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let store = TestStore::new();
    store
        .volatile()
        .write(|w| w.put(&format_key(), &2_u32.to_be_bytes()))
        .unwrap();
    let directory = store.close();
    for _ in 0..2 {
        let error = Store::open(&location(directory.path())).unwrap_err();
        let StoreError::NewerFormat {
            found, supported, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((*found, *supported), (2, 1));
        assert!(error.to_string().contains("drain the node"), "{error}");
    }
}

#[test]
fn directories_that_others_can_write_to_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let location = location(directory.path());
    drop(Store::open(&location).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&location.root), 0o700);
    assert_eq!(mode(&location.directory()), 0o700);
    fs::set_permissions(&location.root, fs::Permissions::from_mode(0o770)).unwrap();
    let error = Store::open(&location).unwrap_err();
    assert!(matches!(error, StoreError::InsecureDirectory { path } if path == location.root));
}

#[test]
fn a_link_in_the_place_of_the_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let location = location(directory.path());
    let elsewhere = directory.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir_all(location.directory().parent().unwrap()).unwrap();
    symlink(&elsewhere, location.directory()).unwrap();
    let error = Store::open(&location).unwrap_err();
    assert!(
        matches!(error, StoreError::InsecureDirectory { .. }),
        "{error}"
    );
}

#[test]
fn a_boot_id_can_not_lead_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    for boot_id in [
        "",
        "..",
        "../../etc",
        "6fe4a9cb-0c3f-4bd5-9a5e-3a6a3b3c9d10\n",
    ] {
        let location = Location {
            boot_id: boot_id.into(),
            ..location(directory.path())
        };
        assert!(matches!(
            Store::open(&location),
            Err(StoreError::InvalidBootId(_))
        ));
    }
    assert!(!directory.path().join("run").exists());
}

#[test]
fn one_process_opens_a_location_once_and_shares_the_handle() {
    let store = TestStore::new();
    let again = Store::open(&location(store.directory())).unwrap_err();
    assert!(matches!(again, StoreError::AlreadyOpen { .. }), "{again}");
    let clone = store.clone();
    std::thread::scope(|scope| {
        for who in 0..8 {
            let clone = clone.clone();
            scope.spawn(move || {
                let address = std::net::IpAddr::from([10, 1, 0, who]);
                clone
                    .reserve(network(), address, &attachment(who), 1)
                    .unwrap();
            });
        }
    });
    assert_eq!(
        store
            .list_leases(Default::default(), None)
            .unwrap()
            .leases
            .len(),
        8
    );
}

#[test]
fn a_file_that_is_no_store_is_an_error() {
    let store = TestStore::new();
    let data = store.path().join("data.mdb");
    let directory = store.close();
    fs::write(data, vec![7; 16384]).unwrap();
    assert!(matches!(
        Store::open(&location(directory.path())),
        Err(StoreError::Lmdb(_))
    ));
}

#[test]
fn a_full_map_is_an_error_that_says_so() {
    let store = TestStore::new();
    // Never touched, so it costs no memory.
    let value = vec![0; 1 << 30];
    let error = store.volatile().write(|w| w.put(b"x", &value)).unwrap_err();
    assert!(matches!(error, StoreError::MapFull), "{error}");
    let address = "10.1.0.2".parse().unwrap();
    store
        .reserve(network(), address, &attachment("a"), 1)
        .unwrap();
}

#[test]
fn programs_that_we_start_do_not_inherit_the_files() {
    let store = TestStore::new();
    let _lock = store.try_lock_attachment(&attachment("a").key()).unwrap();
    let output = std::process::Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .unwrap();
    let open = String::from_utf8(output.stdout).unwrap();
    assert!(open.contains("/proc/"), "{open}");
    assert!(!open.contains(store.path().to_str().unwrap()), "{open}");
}

//! The IPAM by itself, where many addresses are taken.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use plan::Attachment;
use store::{Location, Record, Store};

use super::Extent;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::Sides;

const STATE: &str = "/run/wasm-cni";
const RESERVATIONS: &str = "/var/lib/cni/networks";

/// Addresses of a range that are taken: of `size`, all but each `hole`-th.
struct Filling {
    scenario: &'static str,
    subnet: &'static str,
    first: Ipv4Addr,
    size: u32,
    hole: Option<u32>,
}

const fn taken(scenario: &'static str, size: u32) -> Filling {
    Filling {
        scenario,
        subnet: "10.8.0.0/13",
        first: Ipv4Addr::new(10, 8, 0, 2),
        size,
        hole: None,
    }
}

const FILLINGS: [Filling; 5] = [
    taken("IPAM, 0 taken", 0),
    taken("IPAM, 1,000 taken", 1_000),
    taken("IPAM, 10,000 taken", 10_000),
    taken("IPAM, 100,000 taken", 100_000),
    Filling {
        scenario: "IPAM, /16 that is 99.9 % full",
        subnet: "10.16.0.0/16",
        first: Ipv4Addr::new(10, 16, 0, 2),
        size: 65_533,
        hole: Some(1_000),
    },
];

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    for (number, filling) in FILLINGS.iter().enumerate() {
        let network = format!("ipam{number}");
        let (ours, reference) = sides.ipam(&network, filling.subnet);
        // The first call makes the state's directories.
        pace::alone(&ours, 1)?;
        filling.take_in_store(&network)?;
        filling.take_in_files(&network)?;
        let subjects = [(Side::Ours, ours), (Side::Reference, reference)];
        for (side, pace) in pace::in_turn(&subjects, extent.rounds, || Ok(()))? {
            pace.note(figures, filling.scenario, side);
        }
        fs::remove_dir_all(Path::new(RESERVATIONS).join(&network))?;
    }
    Ok(())
}

impl Filling {
    fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let first = u32::from(self.first);
        let hole = self.hole.unwrap_or(u32::MAX);
        (0..self.size)
            .filter(move |offset| (offset + 1) % hole != 0)
            .map(move |offset| Ipv4Addr::from(first + offset))
    }

    /// An attachment for each address, as a call leaves it.
    fn take_in_store(&self, network: &str) -> Result<()> {
        let store = Store::open(&location()?)?;
        for address in self.addresses() {
            let attachment = Attachment {
                network: network.to_owned(),
                container_id: address.to_string(),
                interface_name: "eth0".to_owned(),
            };
            let reserved = store.reserve(
                attachment.network_tag(),
                IpAddr::V4(address),
                &attachment,
                0,
            );
            ensure!(reserved.is_ok(), "{address}: {reserved:?}");
            let record = Record::new(attachment, store.next_group()?, 0);
            store.put_pending(&record, None)?;
            store.mark_applied(&record)?;
        }
        Ok(())
    }

    /// A file for each address, as host-local leaves it.
    fn take_in_files(&self, network: &str) -> Result<()> {
        let directory = Path::new(RESERVATIONS).join(network);
        fs::create_dir_all(&directory)?;
        for address in self.addresses() {
            fs::write(
                directory.join(address.to_string()),
                format!("c{address}\r\neth0"),
            )?;
        }
        Ok(())
    }
}

/// The state of this boot and namespace, as the first call has made it.
fn location() -> Result<Location> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let boot_id = boot.trim().to_owned();
    let of_boot = Path::new(STATE).join(&boot_id);
    let cookie = fs::read_dir(&of_boot)?
        .next()
        .with_context(|| format!("{} is empty", of_boot.display()))??
        .file_name();
    let cookie = cookie.to_str().context("no cookie")?;
    Ok(Location {
        root: STATE.into(),
        persistent_root: "/var/lib/wasm-cni".into(),
        boot_id,
        netns_cookie: u64::from_str_radix(cookie, 16)?,
    })
}

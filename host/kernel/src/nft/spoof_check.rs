//! Frames of a bridge port must carry the container's Ethernet address.
//!
//! ```text
//! table bridge wasm-cni {
//!   chain prerouting { type filter hook prerouting priority -300; policy accept; jump spoof-check }
//!   chain input      { type filter hook input priority -300; policy accept; jump spoof-check }
//!   chain spoof-check {
//!     iifname @spoof-ports iifname . ether saddr != @spoof-allowed drop
//!   }
//! }
//! ```
//!
//! Hook input as well, because a bridge takes frames to 01:80:c2:00:00:00–0f (IEEE 802.1D, table 7-10) past hook
//! prerouting and learns their source address nevertheless (`br_handle_frame`, net/bridge/br_input.c): a container could
//! draw another's frames to its own port. LLDP's (…:0e) pass no hook at all: against them a bridge must be told not to
//! learn from any of these (`BR_BOOLOPT_NO_LL_LEARN`), which is for those who make it. ARP with a forged sender is a frame
//! like any other.

use plan::{MacAddress, Mismatch, SpoofCheck};

use super::batch::Batch;
use super::chain::{BaseChain, Chain};
use super::element::Element;
use super::expression::{Expression, Header, Meta, Register, Verdict};
use super::interface_name::{INTERFACE_NAME, interface_key};
use super::rule::Rule;
use super::section::Section;
use super::set::{KeyType, Set};
use super::table::TableFamily;
use super::{Base, Nft, NftError, verify};

/// Offset of the source in the Ethernet header, and its length.
const ETHERNET_SOURCE: (u32, u32) = (6, 6);

const BASE_CHAINS: &[BaseChain] = &[
    base_chain("prerouting", libc::NF_BR_PRE_ROUTING),
    base_chain("input", libc::NF_BR_LOCAL_IN),
];

const fn base_chain(name: &'static str, hook: libc::c_int) -> BaseChain {
    BaseChain {
        family: TableFamily::Bridge,
        name,
        kind: "filter",
        hook,
        priority: libc::NF_BR_PRI_NAT_DST_BRIDGED,
    }
}

impl Nft {
    /// Makes what is missing of the objects that all spoof checks share. One request if all is there.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_spoof_check(&mut self) -> Result<Base, NftError> {
        self.ensure(&section())
    }

    /// From now on the port's frames pass only with this source address. A check that is there already stays.
    ///
    /// # Errors
    /// What the kernel refuses; ENOENT if [`Nft::ensure_spoof_check`] was not called or its work was removed.
    pub fn add_spoof_check(&mut self, check: &SpoofCheck) -> Result<(), NftError> {
        let mut batch = Batch::new(None);
        add_checks(&mut batch, std::slice::from_ref(check))?;
        self.connection.commit(batch)
    }

    /// The port's frames are checked no more. Tells whether they were.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that the check, the sets or the table are gone.
    pub fn forget_spoof_check(&mut self, check: &SpoofCheck) -> Result<bool, NftError> {
        self.forget(&elements(check)?)
    }

    /// What is not as [`Nft::ensure_spoof_check`] and [`Nft::add_spoof_check`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_spoof_check(&mut self, check: &SpoofCheck) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = verify::section(&mut self.connection, &section())?;
        let names = [
            check.port.clone(),
            format!("{} . {}", check.port, check.mac),
        ];
        for ((set, element), name) in elements(check)?.into_iter().zip(names) {
            mismatches.extend(verify::element(
                &mut self.connection,
                &set,
                &element,
                &name,
            )?);
        }
        Ok(mismatches)
    }
}

/// The chain and all that belongs to it.
pub(super) fn section() -> Section {
    Section {
        base_chains: BASE_CHAINS,
        chain: Chain {
            family: TableFamily::Bridge,
            name: "spoof-check".to_owned(),
        },
        rules: vec![rule()],
        sets: vec![ports(), allowed()],
        address_sets: Vec::new(),
        entries: vec![Vec::new()],
        map_entry: None,
        owner: "macspoofchk of all networks".to_owned(),
    }
}

/// Adds checks to the batch.
pub(super) fn add_checks(batch: &mut Batch, checks: &[SpoofCheck]) -> Result<(), NftError> {
    let keys: Vec<_> = checks
        .iter()
        .map(|check| interface_key(&check.port))
        .collect::<Result<_, _>>()?;
    let pairs = keys
        .iter()
        .zip(checks)
        .map(|(port, check)| pair(port, check.mac));
    // The address first: a batch is done as a whole, but so it reads right as well.
    batch.add_elements(&allowed(), &pairs.collect::<Vec<_>>());
    let ports_of_checks: Vec<_> = keys.iter().map(|port| Element::key(*port)).collect();
    batch.add_elements(&ports(), &ports_of_checks);
    Ok(())
}

fn elements(check: &SpoofCheck) -> Result<[(Set, Element); 2], NftError> {
    let port = interface_key(&check.port)?;
    let pair = pair(&port, check.mac);
    Ok([(ports(), Element::key(port)), (allowed(), pair)])
}

fn pair(port: &[u8; INTERFACE_NAME], mac: MacAddress) -> Element {
    // Two bytes fill the address up to the size of two registers.
    Element::key([&port[..], &mac.0, &[0; 2]].concat())
}

fn ports() -> Set {
    set("spoof-ports", KeyType::INTERFACE_NAME)
}

fn allowed() -> Set {
    let key = KeyType::INTERFACE_NAME.then(KeyType::ETHERNET_ADDRESS);
    set("spoof-allowed", key)
}

fn set(name: &str, key: KeyType) -> Set {
    Set {
        family: TableFamily::Bridge,
        name: name.to_owned(),
        key,
        intervals: false,
        data: None,
    }
}

fn rule() -> Rule {
    let (offset, length) = ETHERNET_SOURCE;
    let lookup = |set: Set, negated| Expression::Lookup {
        register: Register::First,
        set: set.name,
        negated,
    };
    Rule {
        comment: "forged source address".to_owned(),
        expressions: vec![
            Expression::Meta {
                meta: Meta::InputInterfaceName,
                into: Register::First,
            },
            lookup(ports(), false),
            // The name lies in the first register still; the address goes behind it, and a lookup takes both.
            Expression::Payload {
                header: Header::Link,
                offset,
                length,
                into: Register::Second,
            },
            lookup(allowed(), true),
            Expression::Verdict(Verdict::Drop),
        ],
    }
}

//! Ports of the host that lead to containers.
//!
//! ```text
//! table inet wasm-cni {
//!   chain ports-prerouting { type nat hook prerouting priority dstnat + 5; policy accept; <conditions> jump ports-<tag> }
//!   chain ports-output     { type nat hook output     priority dstnat + 5; policy accept; <conditions> jump ports-<tag> }
//!   chain ports-postrouting { type nat hook postrouting priority srcnat - 5; policy accept; jump ports-snat-<bit> }
//!   chain ports-<tag> {                                                    # the same for IPv6
//!     ip saddr @near4-<tag> meta mark set meta mark | <bit>
//!     dnat ip to ip daddr . meta l4proto . th dport map @host4-<tag>
//!     fib daddr type local dnat ip to meta l4proto . th dport map @any4-<tag>
//!     ip saddr @near4-<tag> meta mark set meta mark & ~<bit>
//!   }
//!   chain ports-snat-<bit> {
//!     meta mark & <bit> != 0 ct status dnat meta mark set meta mark & ~<bit> masquerade
//!   }
//! }
//! ```
//!
//! UDP ports have elements in the maps of [`zone`] as well, so that their datagrams are tracked where no earlier holder's are.
//!
//! An attachment owns elements of the maps and nothing else. Only the first packet of a connection passes chains of type
//! nat, and forwarding it ends the chain, so that the mark is on no other packet than that one, between the two hooks.

mod chain;
mod condition;
mod element;
mod zone;

use std::collections::BTreeMap;
use std::iter;

use plan::{ForwardTag, Mismatch, PortForward, PortForwardChain, PortForwards};

use super::batch::Batch;
use super::element::Element;
use super::set::Set;
use super::table::TableFamily;
use super::{Base, Nft, NftError, verify};

pub(super) use chain::{FORWARDING, owner, sections, tag_of};
pub(super) use zone::section as zones;

impl Nft {
    /// Makes what is missing of the objects that all ports share which are forwarded in this way. Two requests if all is
    /// there.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_port_forward_chain(
        &mut self,
        chain: &PortForwardChain,
    ) -> Result<Base, NftError> {
        let mut base = Base::Present;
        for section in sections(chain) {
            base = base.and(self.ensure(&section)?);
        }
        Ok(base)
    }

    /// From now on these ports lead to their targets. One that leads elsewhere is led to the new target: ports are given
    /// out elsewhere, each to one attachment at a time.
    ///
    /// # Errors
    /// What the kernel refuses; ENOENT if [`Nft::ensure_port_forward_chain`] was not called, or for a port with a zone
    /// [`Nft::ensure_connection_zones`], or their work was removed.
    pub fn add_port_forwards(&mut self, wanted: &PortForwards) -> Result<(), NftError> {
        let elements = elements(wanted)?;
        match self.connection.commit(addition(&elements)) {
            // One of the keys leads to something else.
            Err(error) if matches!(error.errno(), Some(libc::EEXIST | libc::EBUSY)) => {
                self.lead_anew(&elements)
            }
            done => done,
        }
    }

    fn lead_anew(&mut self, elements: &[(Set, Element)]) -> Result<(), NftError> {
        let mut batch = Batch::new(None);
        for (map, element) in elements {
            if self.found(map, element)?.is_some() {
                batch.delete_elements(map, std::slice::from_ref(element));
            }
            batch.add_elements(map, std::slice::from_ref(element));
        }
        self.connection.commit(batch)
    }

    /// These ports lead to these targets no more; one that leads elsewhere is left alone. Tells whether any did.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that a port, the maps or the table are gone.
    pub fn forget_port_forwards(&mut self, unwanted: &PortForwards) -> Result<bool, NftError> {
        let mut ours = Vec::new();
        for (map, element) in elements(unwanted)? {
            if self.has(&map, &element)? {
                ours.push((map, element));
            }
        }
        self.forget(&ours)
    }

    /// Does any of these ports lead to its target?
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn has_port_forwards(&mut self, forwards: &PortForwards) -> Result<bool, NftError> {
        for (map, element) in elements(forwards)? {
            if self.has(&map, &element)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All ports that lead to containers, whoever they are. Reads every map, so it is not for every call.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn forwarded_ports(&mut self) -> Result<Vec<PortForwards>, NftError> {
        let mut found = Vec::new();
        for name in self.set_names(TableFamily::Inet)? {
            let Some((tag, family, reach)) = element::map_named(&name) else {
                continue;
            };
            let request = Element::request_all(&element::map(family, reach, tag));
            let elements = self.connection.dump(&request, Element::decode)?;
            let mut forwards: Vec<_> = elements
                .iter()
                .filter_map(|each| element::read(family, reach, each))
                .collect();
            for forward in &mut forwards {
                forward.zone = self.zone_of(forward)?;
            }
            if !forwards.is_empty() {
                found.push(PortForwards { tag, forwards });
            }
        }
        Ok(found)
    }

    /// What is not as [`Nft::ensure_port_forward_chain`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_port_forward_chain(
        &mut self,
        chain: &PortForwardChain,
    ) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        for section in sections(chain) {
            mismatches.extend(verify::section(&mut self.connection, &section)?);
        }
        Ok(mismatches)
    }

    /// Which of these ports do not lead to their targets, or are not in their zones.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_port_forwards(
        &mut self,
        wanted: &PortForwards,
    ) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        for forward in &wanted.forwards {
            let elements = elements_of(wanted.tag, forward)?;
            let leads_to = ["this target"].into_iter().chain(iter::repeat("this zone"));
            for ((map, element), expected) in elements.into_iter().zip(leads_to) {
                let object = format!("forwarding of {forward} in {}", map.display());
                match self.found(&map, &element)? {
                    None => mismatches.push(verify::missing(object)),
                    Some(found) if found == element => {}
                    Some(_) => mismatches.push(Mismatch {
                        object,
                        expected: expected.to_owned(),
                        found: "another one".to_owned(),
                    }),
                }
            }
        }
        Ok(mismatches)
    }

    /// The map's element of this element's key.
    fn found(&mut self, map: &Set, element: &Element) -> Result<Option<Element>, NftError> {
        self.connection.get(&element.request(map), |attributes| {
            let mut found = Vec::new();
            Element::decode(attributes, &mut found)?;
            found.pop()
        })
    }

    /// Elements that lead elsewhere than these ports shall.
    pub(super) fn outdated_ports(
        &mut self,
        wanted: &[(PortForwardChain, Vec<PortForward>)],
    ) -> Result<Vec<(Set, Element)>, NftError> {
        let mut outdated = Vec::new();
        for (map, elements) in by_map(wanted)? {
            let found = self
                .connection
                .dump(&Element::request_all(&map), Element::decode)?;
            let leads_elsewhere = |found: &Element| {
                let wanted = elements.get(&found.key);
                wanted.is_some_and(|wanted| *wanted != found.data)
            };
            let found = found.into_iter().filter(leads_elsewhere);
            outdated.extend(found.map(|element| (map.clone(), element)));
        }
        Ok(outdated)
    }
}

/// Adds the ports of many attachments to the batch.
pub(super) fn add_all(
    batch: &mut Batch,
    wanted: &[(PortForwardChain, Vec<PortForward>)],
) -> Result<(), NftError> {
    for (map, elements) in by_map(wanted)? {
        let elements: Vec<_> = elements
            .into_iter()
            .map(|(key, data)| Element {
                data,
                ..Element::key(key)
            })
            .collect();
        batch.add_elements(&map, &elements);
    }
    Ok(())
}

type ElementsOfMap = (Set, BTreeMap<Vec<u8>, Option<Vec<u8>>>);

/// The elements of each map; of two with one key the last one counts.
fn by_map(
    wanted: &[(PortForwardChain, Vec<PortForward>)],
) -> Result<impl Iterator<Item = ElementsOfMap>, NftError> {
    let mut maps: BTreeMap<String, ElementsOfMap> = BTreeMap::new();
    for (chain, forwards) in wanted {
        for forward in forwards {
            for (map, element) in elements_of(chain.tag, forward)? {
                let entry = maps.entry(map.name.clone());
                let (_, elements) = entry.or_insert_with(|| (map, BTreeMap::new()));
                elements.insert(element.key, element.data);
            }
        }
    }
    Ok(maps.into_values())
}

fn elements(forwards: &PortForwards) -> Result<Vec<(Set, Element)>, NftError> {
    let mut elements = Vec::new();
    for forward in &forwards.forwards {
        elements.extend(elements_of(forwards.tag, forward)?);
    }
    Ok(elements)
}

/// What leads a port to its target, and then what gives it its zone.
fn elements_of(tag: ForwardTag, forward: &PortForward) -> Result<Vec<(Set, Element)>, NftError> {
    let mut elements = vec![element::of(tag, forward)?];
    elements.extend(zone::elements(forward));
    Ok(elements)
}

fn addition(elements: &[(Set, Element)]) -> Batch {
    let mut batch = Batch::new(None);
    for (map, element) in elements {
        batch.add_elements(map, std::slice::from_ref(element));
    }
    batch
}

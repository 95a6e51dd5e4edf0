//! Elements by the address of the container that they are of: for attachments whose record is lost.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plan::Family;

use super::batch::Batch;
use super::element::Element;
use super::set::Set;
use super::table::TableFamily;
use super::{ATTEMPTS, Nft, NftError};

/// Where a container's address stands in the elements of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the head of the key.
    Key,
    /// At the head of what the key leads to.
    Data,
}

/// The beginnings of the names of all sets that attachments have elements of; the number of the family follows.
const OF_CONTAINERS: [(&str, Place); 14] = [
    ("pods", Place::Key),
    ("deny-ingress", Place::Key),
    ("deny-egress", Place::Key),
    ("judged-ingress", Place::Key),
    ("judged-egress", Place::Key),
    ("accept-ingress", Place::Key),
    ("accept-egress", Place::Key),
    ("drop-ingress", Place::Key),
    ("drop-egress", Place::Key),
    ("isolated", Place::Key),
    ("own-link", Place::Key),
    ("pass", Place::Key),
    ("any", Place::Data),
    ("host", Place::Data),
];

impl Nft {
    /// Removes all elements of the containers whose addresses these are; tells which had any. Reads every set, so it is
    /// not for every call.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn forget_containers(
        &mut self,
        which: &dyn Fn(IpAddr) -> bool,
    ) -> Result<BTreeSet<IpAddr>, NftError> {
        let mut forgotten = BTreeSet::new();
        for name in self.set_names(TableFamily::Inet)? {
            if let Some((family, place)) = classify(&name) {
                let set = Set::existing(TableFamily::Inet, name);
                forgotten.extend(self.forget_in(&set, family, place, which)?);
            }
        }
        // These are found by the ports alone.
        self.forget_idle_zones()?;
        Ok(forgotten)
    }

    fn forget_in(
        &mut self,
        set: &Set,
        family: Family,
        place: Place,
        which: &dyn Fn(IpAddr) -> bool,
    ) -> Result<BTreeSet<IpAddr>, NftError> {
        // Others may remove some of them between reading and deleting.
        for _ in 0..ATTEMPTS {
            let mut elements = self
                .connection
                .dump(&Element::request_all(set), Element::decode)?;
            elements.retain(|element| address(family, place, element).is_some_and(which));
            if elements.is_empty() {
                return Ok(BTreeSet::new());
            }
            let mut batch = Batch::new(None);
            batch.delete_elements(set, &elements);
            if self.unless_missing(batch)? {
                let addresses = elements.iter();
                return Ok(addresses
                    .filter_map(|element| address(family, place, element))
                    .collect());
            }
        }
        Err(NftError::Contended {
            object: set.display(),
            attempts: ATTEMPTS,
        })
    }
}

fn classify(name: &str) -> Option<(Family, Place)> {
    OF_CONTAINERS.iter().find_map(|(head, place)| {
        let rest = name.strip_prefix(head)?;
        let family = match rest.as_bytes() {
            [b'4'] | [b'4', b'-', ..] => Family::Ipv4,
            [b'6'] | [b'6', b'-', ..] => Family::Ipv6,
            _ => return None,
        };
        Some((family, *place))
    })
}

fn address(family: Family, place: Place, element: &Element) -> Option<IpAddr> {
    let bytes = match place {
        Place::Key => element.key.as_slice(),
        Place::Data => element.data.as_deref()?,
    };
    Some(match family {
        Family::Ipv4 => IpAddr::from(*bytes.first_chunk::<4>()?),
        Family::Ipv6 => IpAddr::from(*bytes.first_chunk::<16>()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_containers_are_told_from_shared_ones() {
        for (name, expected) in [
            ("pods4-0123456789abcdef", Some((Family::Ipv4, Place::Key))),
            ("drop-egress6-255", Some((Family::Ipv6, Place::Key))),
            ("isolated4", Some((Family::Ipv4, Place::Key))),
            ("host6-0123456789abcdef", Some((Family::Ipv6, Place::Data))),
            ("local4-0123456789abcdef", None),
            ("exclude6-0123456789abcdef", None),
            ("near4-0123456789abcdef", None),
            ("flow-egress4", None),
            ("pods", None),
        ] {
            assert_eq!(classify(name), expected, "{name}");
        }
    }
}

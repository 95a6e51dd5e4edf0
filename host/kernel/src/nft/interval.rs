use ipnet::IpNet;
use plan::Family;

use super::element::Element;

/// Addresses of one family as intervals that neither overlap nor touch, in their order: the kernel's interval sets take
/// no overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intervals {
    family: Family,
    /// First and last address.
    bounds: Vec<(u128, u128)>,
}

impl Intervals {
    /// The networks of this family.
    pub(super) fn of(family: Family, networks: &[IpNet]) -> Self {
        let bounds = networks
            .iter()
            .filter(|network| Family::of(network.addr()) == family)
            .map(|network| {
                (
                    Family::number_of(network.network()),
                    Family::number_of(network.broadcast()),
                )
            })
            .collect();
        Self { family, bounds }.merged()
    }

    /// What elements of an interval set mean. The kernel gives them in any order.
    pub(super) fn from_elements(family: Family, elements: &[Element]) -> Self {
        let mut marks: Vec<(u128, bool)> = elements
            .iter()
            .filter_map(|element| Some((number_of_key(&element.key)?, element.end)))
            .collect();
        // Where an interval ends and the next one starts at the same key, the end comes first.
        marks.sort_by_key(|(key, end)| (*key, !end));
        let mut bounds = Vec::new();
        let mut start = None;
        for (key, end) in marks {
            match (start, end) {
                (Some(first), true) => {
                    bounds.push((first, key.saturating_sub(1)));
                    start = None;
                }
                (None, false) => start = Some(key),
                // `nft` puts an end before the first interval.
                (None, true) | (Some(_), false) => {}
            }
        }
        bounds.extend(start.map(|first| (first, family.greatest_number())));
        Self { family, bounds }.merged()
    }

    /// As elements of an interval set.
    pub(super) fn elements(&self) -> Vec<Element> {
        let mut elements = Vec::new();
        for (first, last) in &self.bounds {
            elements.push(Element::key(self.key(*first)));
            // An interval that reaches the last address has no end.
            if *last != self.family.greatest_number() {
                elements.push(Element::end(self.key(last + 1)));
            }
        }
        elements
    }

    /// The addresses that are here or there.
    pub(super) fn union(&self, other: &Self) -> Self {
        let bounds = [self.bounds.clone(), other.bounds.clone()].concat();
        Self {
            family: self.family,
            bounds,
        }
        .merged()
    }

    fn merged(mut self) -> Self {
        self.bounds.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in self.bounds {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        self.bounds = merged;
        self
    }

    fn key(&self, number: u128) -> Vec<u8> {
        let bytes = number.to_be_bytes();
        match self.family {
            Family::Ipv4 => bytes.into_iter().skip(12).collect(),
            Family::Ipv6 => bytes.to_vec(),
        }
    }
}

/// As `10.1.0.0-10.1.255.255, …`.
impl std::fmt::Display for Intervals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.bounds.is_empty() {
            return f.write_str("none");
        }
        for (index, (first, last)) in self.bounds.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(
                f,
                "{separator}{}-{}",
                self.family.address(*first),
                self.family.address(*last)
            )?;
        }
        Ok(())
    }
}

fn number_of_key(key: &[u8]) -> Option<u128> {
    if let Ok(bytes) = key.try_into() {
        return Some(u128::from(u32::from_be_bytes(bytes)));
    }
    key.try_into().ok().map(u128::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(networks: &[&str]) -> Intervals {
        let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
        Intervals::of(Family::Ipv4, &networks)
    }

    #[test]
    fn overlapping_and_touching_networks_become_one_interval() {
        let wanted = "10.0.0.0-11.255.255.255, 192.0.2.7-192.0.2.7";
        let networks = ["11.0.0.0/8", "192.0.2.7/32", "10.1.0.0/16", "10.0.0.0/8"];
        assert_eq!(v4(&networks).to_string(), wanted);
    }

    #[test]
    fn elements_mean_the_same_intervals_in_any_order() {
        for networks in [
            &["0.0.0.0/0"][..],
            &["10.0.0.0/8", "240.0.0.0/4"],
            &["0.0.0.0/32", "255.255.255.255/32"],
            &[],
        ] {
            let wanted = v4(networks);
            let mut elements = wanted.elements();
            elements.reverse();
            assert_eq!(Intervals::from_elements(Family::Ipv4, &elements), wanted);
        }
        let everything = Intervals::of(Family::Ipv6, &["::/0".parse().unwrap()]);
        assert_eq!(everything.elements(), [Element::key([0; 16])]);
    }

    #[test]
    fn touching_elements_and_the_end_that_nft_puts_first_are_understood() {
        let elements = [
            Element::end([0; 4]),
            Element::key([10, 0, 0, 0]),
            Element::key([11, 0, 0, 0]),
            Element::end([11, 0, 0, 0]),
            Element::end([12, 0, 0, 0]),
        ];
        let found = Intervals::from_elements(Family::Ipv4, &elements);
        assert_eq!(found, v4(&["10.0.0.0/8", "11.0.0.0/8"]));
    }

    #[test]
    fn a_union_does_not_depend_on_how_networks_are_cut() {
        let whole = v4(&["10.0.0.0/8"]);
        assert_eq!(v4(&["10.0.0.0/9"]).union(&v4(&["10.128.0.0/9"])), whole);
        assert_eq!(whole.union(&v4(&["10.1.0.0/16"])), whole);
        assert_ne!(whole.union(&v4(&["9.255.255.255/32"])), whole);
    }
}

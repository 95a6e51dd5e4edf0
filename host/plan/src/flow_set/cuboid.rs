/// First and last number.
pub(super) type Range = (u128, u128);

/// Ranges in three dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cuboid {
    pub(super) peers: Range,
    pub(super) protocols: Range,
    pub(super) ports: Range,
}

/// The same points by cuboids that do not overlap; None if more than `most` of them would be needed.
///
/// Those that come later lose what they share with earlier ones. Large ones come first: what lies inside them vanishes,
/// instead of cutting them to pieces. Which dimension makes one large is tried out.
pub(super) fn disjoint(cuboids: &[Cuboid], most: usize) -> Option<Vec<Cuboid>> {
    let orders: [fn([u128; 3]) -> [u128; 3]; 3] = [
        |[peers, protocols, ports]| [protocols, ports, peers],
        |[peers, protocols, ports]| [ports, protocols, peers],
        |[peers, protocols, ports]| [peers, protocols, ports],
    ];
    let mut best: Option<Vec<Cuboid>> = None;
    for order in orders {
        let mut sorted = cuboids.to_vec();
        sorted.sort_by_key(|cuboid| (std::cmp::Reverse(order(cuboid.spans())), *cuboid));
        let fewer = best.as_ref().map_or(most, Vec::len);
        if let Some(found) = cut(&sorted, fewer) {
            // Nothing was cut, so no other order makes fewer.
            if found.len() <= cuboids.len() {
                return Some(found);
            }
            best = Some(found);
        }
    }
    best
}

fn cut(cuboids: &[Cuboid], most: usize) -> Option<Vec<Cuboid>> {
    let mut found: Vec<Cuboid> = Vec::new();
    for cuboid in cuboids {
        let mut pieces = vec![*cuboid];
        for other in &found {
            if pieces.iter().any(|piece| piece.meets(other)) {
                let cut = pieces.into_iter().flat_map(|piece| piece.without(other));
                pieces = cut.collect();
            }
            if pieces.len() > most {
                return None;
            }
        }
        found.extend(pieces);
        if found.len() > most {
            return None;
        }
    }
    Some(found)
}

impl Cuboid {
    fn spans(&self) -> [u128; 3] {
        [self.peers, self.protocols, self.ports].map(|(first, last)| last - first)
    }

    fn meets(&self, other: &Self) -> bool {
        common(self.peers, other.peers).is_some()
            && common(self.protocols, other.protocols).is_some()
            && common(self.ports, other.ports).is_some()
    }

    /// Cuts off what lies beside the other one, dimension by dimension; at most six pieces.
    fn without(self, other: &Self) -> Vec<Self> {
        let (Some(peers), Some(protocols), Some(ports)) = (
            common(self.peers, other.peers),
            common(self.protocols, other.protocols),
            common(self.ports, other.ports),
        ) else {
            return vec![self];
        };
        let by_peers = beside(self.peers, peers).map(|peers| Self { peers, ..self });
        let rest = Self { peers, ..self };
        let by_protocols =
            beside(rest.protocols, protocols).map(|protocols| Self { protocols, ..rest });
        let rest = Self { protocols, ..rest };
        let by_ports = beside(rest.ports, ports).map(|ports| Self { ports, ..rest });
        by_peers.chain(by_protocols).chain(by_ports).collect()
    }
}

fn common(one: Range, other: Range) -> Option<Range> {
    let common = (one.0.max(other.0), one.1.min(other.1));
    (common.0 <= common.1).then_some(common)
}

/// What of a range lies before and after a part of it.
fn beside(range: Range, part: Range) -> impl Iterator<Item = Range> {
    let before = (range.0 < part.0).then(|| (range.0, part.0 - 1));
    let after = (part.1 < range.1).then(|| (part.1 + 1, range.1));
    before.into_iter().chain(after)
}

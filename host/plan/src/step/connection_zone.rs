use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// A zone of connection tracking, 1–65535: connections in different zones never are the same. 0 is everybody's.
///
/// What is tracked of a UDP port's earlier holders is in other zones, so no packet finds it, and it ends by its timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionZone(NonZeroU16);

impl ConnectionZone {
    /// The zone of the attachment whose links have this group. Groups are given out one after the other, so a zone comes
    /// again after 65,535 attachments. What was tracked in it is found again only if it is then the same port's, and if its
    /// holder of that time has gone within the last minutes: entries that no packet finds end by their timeout.
    #[must_use]
    pub fn of_group(group: u32) -> Self {
        let [.., high, low] = (group % u32::from(u16::MAX)).to_be_bytes();
        let place = u16::from_be_bytes([high, low]);
        Self(NonZeroU16::MIN.saturating_add(place))
    }

    /// The zone with this number; none has 0.
    #[must_use]
    pub fn of_number(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_in_a_row_have_zones_of_their_own_until_all_are_used() {
        let first = 0x5743_4e00;
        let zones: std::collections::BTreeSet<_> = (first..first + 65_535)
            .map(ConnectionZone::of_group)
            .collect();
        assert_eq!(zones.len(), 65_535);
        assert_eq!(
            ConnectionZone::of_group(first),
            ConnectionZone::of_group(first + 65_535)
        );
        for group in [0, 65_534, 65_535, u32::MAX] {
            assert_ne!(ConnectionZone::of_group(group).number(), 0, "{group}");
        }
    }

    #[test]
    fn no_zone_is_everybodys() {
        assert_eq!(ConnectionZone::of_number(0), None);
        assert!(serde_json::from_str::<ConnectionZone>("0").is_err());
        let zone = serde_json::from_str::<ConnectionZone>("513").unwrap();
        assert_eq!(zone.number(), 513);
        assert_eq!(serde_json::to_string(&zone).unwrap(), "513");
    }
}

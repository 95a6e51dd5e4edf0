use proptest::prelude::*;
use wasm_cni_guest::PortRange;

use crate::ports::{Ports, merged};

/// Small ports and the last ones, so that ranges often meet and reach the end.
fn any_ports() -> impl Strategy<Value = Ports> {
    let port = prop_oneof![1..40u16, 65520..=65535u16];
    (port.clone(), port).prop_map(|(one, other)| {
        Ports(PortRange {
            first: one.min(other),
            last: one.max(other),
        })
    })
}

fn contains(ranges: impl IntoIterator<Item = PortRange>, port: u16) -> bool {
    ranges
        .into_iter()
        .any(|range| (range.first..=range.last).contains(&port))
}

proptest! {
    #[test]
    fn merging_changes_no_port(ports in proptest::collection::vec(any_ports(), 0..12)) {
        let merged = merged(&ports);
        for port in (0..45).chain(65510..=65535) {
            prop_assert_eq!(
                contains(merged.iter().copied(), port),
                contains(ports.iter().map(|ports| ports.0), port),
                "{}", port
            );
        }
        for pair in merged.windows(2) {
            prop_assert!(u32::from(pair[0].last) + 1 < u32::from(pair[1].first), "{:?}", pair);
        }
    }
}

//! Numbers of routing tables.

use wasm_cni_guest::{Route, RoutingRule};

/// The first number that is tried.
const FIRST: u32 = 100;
/// The main table (`RT_TABLE_MAIN`).
const MAIN: u32 = 254;

/// Is this the main table? 0 is no table of its own: the kernel takes the main one.
pub(crate) fn is_main(table: Option<u32>) -> bool {
    matches!(table, None | Some(0 | MAIN))
}

/// The numbers from [`FIRST`] on that neither rules nor routes name and that are not the kernel's.
pub(crate) fn free(rules: &[RoutingRule], routes: &[Route]) -> impl Iterator<Item = u32> + use<> {
    let used: Vec<u32> = rules
        .iter()
        .map(|rule| rule.table)
        .chain(routes.iter().filter_map(|route| route.table))
        .collect();
    (FIRST..=u32::MAX).filter(move |number| !matches!(number, 253..=255) && !used.contains(number))
}

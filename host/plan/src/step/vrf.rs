use serde::{Deserialize, Serialize};

use crate::{MacAddress, Route};

/// See [`crate::Step::JoinVrf`]. Addresses, routes and neighbours of the interface come with it: routes of the main table
/// are in the VRF's afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VrfMembership {
    /// The container's interface.
    pub interface: String,
    /// The VRF's name. It is made when it is not there.
    pub vrf: String,
    /// Its routing table; None: that of the VRF that is there, or the first that no VRF and no rule of the container has.
    pub table: Option<u32>,
    /// Its Ethernet address when it is made here, by which it is known as ours.
    pub mac: MacAddress,
    /// Where to its table must lead at least, and how if it does not yet: in the main table another interface may have had
    /// the place of one of them.
    pub routes: Vec<Route>,
}

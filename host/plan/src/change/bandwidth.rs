use std::fmt;

use serde::{Deserialize, Serialize};

use super::FlowDirection;

/// A rate for one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BandwidthLimit {
    /// Seen from the container.
    pub direction: FlowDirection,
    /// In bits per second.
    pub rate: u64,
    /// In bits.
    pub burst: u64,
}

impl fmt::Display for BandwidthLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "limit {} to {} bit/s, burst {} bit",
            self.direction, self.rate, self.burst
        )
    }
}

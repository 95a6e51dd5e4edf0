use std::time::{SystemTime, UNIX_EPOCH};

use store::UnixSeconds;

/// Seconds since 1970-01-01T00:00:00Z; 0 on a clock that is set before that.
pub(crate) fn unix_seconds(now: SystemTime) -> UnixSeconds {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

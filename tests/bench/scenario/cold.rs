//! The first call after a long time: nothing of the executables is in the page cache.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::Extent;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, subnet};

/// Reading from disk takes long.
const ROUNDS: usize = 10;

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let (ours, reference) = sides.bridge("cold", json!({}), &subnet());
    let subjects = [(Side::Ours, ours), (Side::Reference, reference)];
    for (side, pace) in pace::in_turn(&subjects, extent.rounds.min(ROUNDS), drop_caches)? {
        figures.times("bridge, cold page cache", "ADD", side, &pace.add);
    }
    Ok(())
}

fn drop_caches() -> Result<()> {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").context("/proc/sys/vm/drop_caches")
}

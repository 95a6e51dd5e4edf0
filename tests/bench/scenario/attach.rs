//! One attachment comes and goes, on ours, the reference plugins and the floor in turn.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::Extent;
use crate::call::timed;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, Subject, dual_stack, subnet};

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    process_start(sides, extent, figures)?;
    for (scenario, subjects) in scenarios(sides) {
        for (side, pace) in pace::in_turn(&subjects, extent.rounds, || Ok(()))? {
            pace.note(figures, scenario, side);
        }
    }
    Ok(())
}

/// What starting and ending any process costs here, and a call that does nothing but answer.
fn process_start(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let programs = [
        (Side::Floor, Command::new("/bin/true")),
        (Side::Ours, Command::new(sides.ours)),
        (
            Side::Reference,
            Command::new(sides.reference.join("bridge")),
        ),
    ];
    for (side, mut command) in programs {
        command.env_clear().env("CNI_COMMAND", "VERSION");
        let times = (0..extent.rounds)
            .map(|_| {
                timed(&mut command, b"{\"cniVersion\":\"1.0.0\"}").map(|answered| answered.took)
            })
            .collect::<Result<Vec<_>>>()?;
        figures.times("process", "VERSION", side, &times);
    }
    Ok(())
}

fn scenarios(sides: &Sides<'_>) -> Vec<(&'static str, Vec<(Side, Subject)>)> {
    let bridge = |name, keys, ranges| {
        let (ours, reference) = sides.bridge(name, keys, &ranges);
        vec![(Side::Ours, ours), (Side::Reference, reference)]
    };
    let mut plain = bridge("bridge", json!({}), subnet());
    plain.push((Side::Floor, sides.floor()));
    let ptp = vec![
        (
            Side::Ours,
            sides.ours_of("ptp", json!({"kind": "ptp"}), json!([])),
        ),
        (Side::Reference, sides.reference_ptp()),
    ];
    let (ours, reference) = sides.six_stages();
    vec![
        ("bridge", plain),
        (
            "bridge, dual stack",
            bridge("dual", json!({}), dual_stack()),
        ),
        (
            "bridge, masquerade",
            bridge("masq", json!({"ipMasq": true}), subnet()),
        ),
        ("ptp", ptp),
        (
            "six stages",
            vec![(Side::Ours, ours), (Side::Reference, reference)],
        ),
    ]
}

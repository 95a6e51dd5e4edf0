use std::fmt::{self, Write};

use crate::figure::{Figures, Side};
use crate::scenario::{BUILT_IN, INSTALLED, LONGEST, REPEATED};
use crate::table::number;
use Side::{Floor, Ours, Reference};

/// What is aimed at, and how it came out.
struct Goal {
    text: String,
    /// None: not measured in this run.
    measured: Option<f64>,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One line for each goal of which this run knows something.
pub(crate) fn report(figures: &Figures) -> Result<String, fmt::Error> {
    let mut report = String::new();
    for goal in goals(figures) {
        let Some(measured) = goal.measured else {
            continue;
        };
        let (met, words, bound) = match goal.bound {
            Bound::AtMost(bound) => (measured <= bound, "at most", bound),
            Bound::AtLeast(bound) => (measured >= bound, "at least", bound),
        };
        writeln!(
            report,
            "{} {:<66} {:>8}  ({words} {})",
            if met { "met   " } else { "missed" },
            goal.text,
            number(measured),
            number(bound),
        )?;
    }
    Ok(report)
}

fn goals(figures: &Figures) -> Vec<Goal> {
    let ratio =
        |scenario, action, over| figures.ratio((scenario, action, Ours), (scenario, action, over));
    let growth = |action: &str, scenario: &str, over: &str| {
        figures.ratio((scenario, action, Ours), (over, action, Ours))
    };
    let [alone, beside] = [0, 1000].map(|beside| format!("bridge, beside {beside}"));
    let longer = |side| {
        let of = |scenario: &str| figures.find(scenario, "ADD", side);
        Some(of(&beside)?.p50 - of(&alone)?.p50)
    };
    let further = |kind: &str, from: usize| {
        let of = |length: usize| figures.find(&format!("{length} {kind}"), "ADD", Ours);
        let further = f64::from(u32::try_from(LONGEST - from).ok()?);
        Some((of(LONGEST)?.p50 - of(from)?.p50) / further)
    };
    let storm = "storm of 200, 32 at once, bridge";
    let masquerade = "storm of 200, 32 at once, masquerade";
    let p99_over_their_median = || {
        let ours = figures.find(storm, "ADD", Ours)?.p99?;
        Some(ours / figures.find(storm, "ADD", Reference)?.p50)
    };
    let wasm = || {
        let of = |phase| figures.find("six stages, phases", phase, Ours);
        Some(of("ADD, load")?.p50 + of("ADD, guest")?.p50)
    };
    let memory = |scenario| Some(figures.find(scenario, "ADD, peak memory", Ours)?.p50);
    let (empty, full) = ("IPAM, 0 taken", "IPAM, 100,000 taken");
    let most = |text: &str, measured, bound| Goal {
        text: text.to_owned(),
        measured,
        bound: Bound::AtMost(bound),
    };
    let least = |text: &str, measured, bound| Goal {
        text: text.to_owned(),
        measured,
        bound: Bound::AtLeast(bound),
    };
    let mut goals = vec![
        most(
            "bridge ADD, of the floor",
            ratio("bridge", "ADD", Floor),
            1.4,
        ),
        most(
            "bridge ADD, of the reference",
            ratio("bridge", "ADD", Reference),
            0.45,
        ),
        most(
            "bridge DEL, of the floor",
            ratio("bridge", "DEL", Floor),
            1.15,
        ),
        most(
            "six stages ADD, of the reference",
            ratio("six stages", "ADD", Reference),
            1.0 / 12.0,
        ),
        most(
            "six stages ADD, loading and running guests, ms",
            wasm(),
            1.0,
        ),
        most(
            "six stages DEL, of the reference",
            ratio("six stages", "DEL", Reference),
            1.0 / 6.0,
        ),
        most(
            "IPAM ADD with 100,000 taken, of the empty case",
            growth("ADD", full, empty),
            1.3,
        ),
        most(
            "IPAM DEL with 100,000 taken, of the empty case",
            growth("DEL", full, empty),
            1.3,
        ),
        most(
            "IPAM ADD with 100,000 taken, of host-local",
            ratio(full, "ADD", Reference),
            1.0 / 200.0,
        ),
        most(
            "IPAM DEL with 100,000 taken, of host-local",
            ratio(full, "DEL", Reference),
            1.0 / 200.0,
        ),
        least(
            "storm of 200 ADDs, rate of the floor's",
            ratio(storm, "ADDs a second", Floor),
            0.7,
        ),
        least(
            "storm of 200 ADDs, rate of the reference's",
            ratio(storm, "ADDs a second", Reference),
            2.5,
        ),
        most(
            "storm of 200 ADDs, p99 of the reference's median",
            p99_over_their_median(),
            1.0,
        ),
        least(
            "storm of 200 ADDs with masquerade, rate of the reference's",
            ratio(masquerade, "ADDs a second", Reference),
            8.0,
        ),
        most(
            "each further built-in guest, ms",
            further(BUILT_IN, 0),
            0.06,
        ),
        most(
            "each further installed guest, ms",
            further(INSTALLED, 0),
            0.22,
        ),
        most(
            "one installed guest, each further stage of it, ms",
            further(REPEATED, 1),
            0.22,
        ),
        most(
            "UDP port DEL with 100,000 connections, of none",
            growth(
                "DEL",
                "UDP port, 100,000 connections",
                "UDP port, no connections",
            ),
            1.3,
        ),
        most(
            "peak memory of a chain's ADD, MiB",
            memory("six stages"),
            16.0,
        ),
        most(
            "bridge ADD, longer beside 1,000 than alone, of what the floor is",
            longer(Ours)
                .zip(longer(Floor))
                .map(|(ours, floor)| ours / floor),
            1.3,
        ),
    ];
    for scenario in [
        "ptp, three ports",
        "ptp, ten flow rules",
        "bridge, three ports",
        "bridge, ten flow rules",
    ] {
        let [first, last] = [0, 1000].map(|beside| format!("{scenario}, beside {beside}"));
        for action in ["ADD", "DEL"] {
            goals.push(most(
                &format!("{scenario}, {action} beside 1,000, of the first"),
                growth(action, &last, &first),
                1.3,
            ));
        }
    }
    goals
}

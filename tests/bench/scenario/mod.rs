//! What is measured: each scenario by itself, so that one can be repeated alone.

mod attach;
mod chain;
mod cold;
mod conntrack;
mod cost;
mod ipam;
mod many;
mod phases;
mod storm;

use anyhow::{Result, bail};

pub(crate) use chain::{BUILT_IN, INSTALLED, LONGEST, REPEATED};
pub(crate) use cost::{COST_OF, report as report_cost};

use crate::figure::Figures;
use crate::subject::Sides;

/// How much of everything.
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    /// The most attachments that are there already.
    pub(crate) attachments: u16,
}

type Measure = fn(&Sides<'_>, &Extent, &mut Figures) -> Result<()>;

/// By name, in the order of measuring.
const SCENARIOS: [(&str, Measure); 9] = [
    ("attach", attach::measure),
    ("phases", phases::measure),
    ("chain", chain::measure),
    ("ipam", ipam::measure),
    ("cost", cost::measure),
    ("cold", cold::measure),
    ("conntrack", conntrack::measure),
    ("storm", storm::measure),
    ("many", many::measure),
];

/// Measures the named scenarios, or all.
pub(crate) fn measure(
    names: &[&str],
    sides: &Sides<'_>,
    extent: &Extent,
    figures: &mut Figures,
    note: impl Fn(&str),
) -> Result<()> {
    for name in names {
        if !SCENARIOS.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = SCENARIOS.iter().map(|(known, _)| *known).collect();
            bail!(
                "there is no scenario {name}; there are: {}",
                known.join(", ")
            );
        }
    }
    for (name, measure) in SCENARIOS {
        if names.is_empty() || names.contains(&name) {
            note(name);
            measure(sides, extent, figures)?;
        }
    }
    Ok(())
}

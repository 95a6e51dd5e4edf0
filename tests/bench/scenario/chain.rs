//! What each further guest of a chain costs, built in and installed. It asks for nothing, so it costs itself alone.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasm_cni_tests::DEMANDING_GRANTS;

use super::Extent;
use crate::call::run;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, stage};

/// How many guests; the IPAM plugin is another.
const LENGTHS: [usize; 5] = [0, 1, 3, 5, LONGEST];
pub(crate) const LONGEST: usize = 10;

/// Stages of built-in plugins.
pub(crate) const BUILT_IN: &str = "built-in guests";
/// Stages of installed plugins, each another one.
pub(crate) const INSTALLED: &str = "installed guests";
/// Stages of one installed plugin.
pub(crate) const REPEATED: &str = "stages of one installed guest";

/// A plugin that asks for what its configuration says: here, for nothing. It imports all kinds of changes, so none has more
/// to load.
const DEMANDING: &str = "demanding";

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let component = wasm_cni_tests::guest(DEMANDING)?;
    let name = |number: usize| format!("{DEMANDING}-{number}");
    for number in 0..LONGEST {
        install(sides, &name(number), &component)?;
    }
    let demanding = |number| stage(&name(number), &json!({ "grants": DEMANDING_GRANTS }));
    of_each_length(sides, BUILT_IN, extent, figures, |_| {
        stage("route-override", &json!({}))
    })?;
    of_each_length(sides, INSTALLED, extent, figures, demanding)?;
    of_each_length(sides, REPEATED, extent, figures, |_| demanding(0))?;
    for path in std::env::var("GUESTS")
        .iter()
        .flat_map(|paths| paths.split(':'))
    {
        let name = Path::new(path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .with_context(|| path.to_owned())?;
        install(sides, name, Path::new(path))?;
        of_each_length(sides, name, extent, figures, |_| stage(name, &json!({})))?;
    }
    Ok(())
}

fn install(sides: &Sides<'_>, name: &str, component: &Path) -> Result<()> {
    let component = component.to_str().context("a path that is not UTF-8")?;
    let program = sides
        .wasm_cnictl
        .to_str()
        .context("a path that is not UTF-8")?;
    run(program, &["plugin", "install", component, "--name", name])
}

/// All lengths in turn: the steps between them are small.
fn of_each_length(
    sides: &Sides<'_>,
    scenario: &str,
    extent: &Extent,
    figures: &mut Figures,
    guest: impl Fn(usize) -> Value,
) -> Result<()> {
    let subjects: Vec<_> = LENGTHS
        .iter()
        .map(|length| {
            let stages: Vec<Value> = (0..*length).map(&guest).collect();
            (Side::Ours, sides.chain("length", stages.into()))
        })
        .collect();
    let paces = pace::in_turn(&subjects, extent.rounds, || Ok(()))?;
    for (length, (side, pace)) in LENGTHS.iter().zip(&paces) {
        figures.times(&format!("{length} {scenario}"), "ADD", *side, &pace.add);
    }
    Ok(())
}

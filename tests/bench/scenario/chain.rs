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
pub(crate) const LENGTHS: [usize; 5] = [0, 1, 3, 5, 10];
/// A plugin that asks for what its configuration says: here, for nothing.
const INSTALLED: &str = "demanding";

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let guest = wasm_cni_tests::guest(INSTALLED)?;
    install(sides, INSTALLED, &guest)?;
    let built_in = stage("route-override", &json!({}));
    let installed = stage(INSTALLED, &json!({ "grants": DEMANDING_GRANTS }));
    for (scenario, guest) in [
        ("built-in guests", built_in),
        ("installed guests", installed),
    ] {
        of_each_length(sides, scenario, &guest, extent, figures)?;
    }
    for path in std::env::var("GUESTS")
        .iter()
        .flat_map(|paths| paths.split(':'))
    {
        let name = Path::new(path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .with_context(|| path.to_owned())?;
        install(sides, name, Path::new(path))?;
        of_each_length(sides, name, &stage(name, &json!({})), extent, figures)?;
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
    guest: &Value,
    extent: &Extent,
    figures: &mut Figures,
) -> Result<()> {
    let subjects: Vec<_> = LENGTHS
        .iter()
        .map(|length| {
            let stages = vec![guest.clone(); *length];
            (Side::Ours, sides.chain("length", stages.into()))
        })
        .collect();
    let paces = pace::in_turn(&subjects, extent.rounds, || Ok(()))?;
    for (length, (side, pace)) in LENGTHS.iter().zip(&paces) {
        figures.times(&format!("{length} {scenario}"), "ADD", *side, &pace.add);
    }
    Ok(())
}

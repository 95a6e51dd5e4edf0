use std::fmt::{self, Write};

use crate::figure::{Figure, Figures, Side};

/// A line for each scenario and action: all sides, and ratios of the medians.
pub(crate) fn table(figures: &Figures) -> Result<String, fmt::Error> {
    let mut table = String::new();
    writeln!(
        table,
        "{:<42} {:<19} {:>4} {:>17} {:>17} {:>8} {:>8} {:>8}",
        "", "", "", "ours p50/p99", "reference p50/p99", "floor", "/ref.", "/floor"
    )?;
    let mut seen = Vec::new();
    for figure in figures.all() {
        let key = (figure.scenario.as_str(), figure.action.as_str());
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let of = |side| figures.find(key.0, key.1, side);
        let (ours, reference, floor) = (of(Side::Ours), of(Side::Reference), of(Side::Floor));
        writeln!(
            table,
            "{:<42} {:<19} {:>4} {:>17} {:>17} {:>8} {:>8} {:>8}",
            figure.scenario,
            figure.action,
            figure.unit.abbreviation(),
            both(ours),
            both(reference),
            floor.map(|floor| number(floor.p50)).unwrap_or_default(),
            ratio(ours, reference),
            ratio(ours, floor),
        )?;
    }
    Ok(table)
}

fn both(figure: Option<&Figure>) -> String {
    match figure {
        None => String::new(),
        Some(Figure { p50, p99: None, .. }) => number(*p50),
        Some(Figure {
            p50,
            p99: Some(p99),
            ..
        }) => format!("{} /{:>8}", number(*p50), number(*p99)),
    }
}

fn ratio(of: Option<&Figure>, over: Option<&Figure>) -> String {
    match (of, over) {
        (Some(of), Some(over)) if over.p50 > 0.0 => format!("{:.3}", of.p50 / over.p50),
        _ => String::new(),
    }
}

/// Three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

use std::time::Duration;

use serde::Serialize;

/// Whose plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Ours,
    Reference,
    /// The bare netlink work, see `tests/floor`.
    Floor,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Milliseconds,
    PerSecond,
    MebiBytes,
}

impl Unit {
    pub(crate) fn abbreviation(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::PerSecond => "1/s",
            Self::MebiBytes => "MiB",
        }
    }
}

/// One thing that was measured on one side.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) scenario: String,
    /// `ADD`, `DEL`, and what of it.
    pub(crate) action: String,
    pub(crate) side: Side,
    pub(crate) unit: Unit,
    /// The median, or the only value.
    pub(crate) p50: f64,
    /// The 99th percentile, where there are several values.
    pub(crate) p99: Option<f64>,
}

/// All that was measured, in the order of measuring.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn times(&mut self, scenario: &str, action: &str, side: Side, times: &[Duration]) {
        self.0.push(Figure {
            scenario: scenario.to_owned(),
            action: action.to_owned(),
            side,
            unit: Unit::Milliseconds,
            p50: quantile(times, 0.5),
            p99: Some(quantile(times, 0.99)),
        });
    }

    pub(crate) fn value(
        &mut self,
        scenario: &str,
        action: &str,
        side: Side,
        (value, unit): (f64, Unit),
    ) {
        self.0.push(Figure {
            scenario: scenario.to_owned(),
            action: action.to_owned(),
            side,
            unit,
            p50: value,
            p99: None,
        });
    }

    pub(crate) fn all(&self) -> &[Figure] {
        &self.0
    }

    pub(crate) fn find(&self, scenario: &str, action: &str, side: Side) -> Option<&Figure> {
        self.0.iter().find(|figure| {
            figure.scenario == scenario && figure.action == action && figure.side == side
        })
    }

    /// One median over another; None unless both were measured.
    pub(crate) fn ratio(
        &self,
        (scenario, action, side): (&str, &str, Side),
        (over_scenario, over_action, over_side): (&str, &str, Side),
    ) -> Option<f64> {
        let over = self.find(over_scenario, over_action, over_side)?.p50;
        Some(self.find(scenario, action, side)?.p50 / over).filter(|ratio| ratio.is_finite())
    }
}

/// In milliseconds.
fn quantile(times: &[Duration], of: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * of).round() as usize;
    sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
}

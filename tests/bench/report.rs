use std::fmt::{self, Write};
use std::time::Duration;

use crate::measure::{Measured, quantile};

/// A table of medians and 99th percentiles. Ratios are of medians, less what starting a process costs anyway: a
/// reference ADD is two processes, and the launcher's own time is no merit of either.
pub(crate) fn table(
    measured: &[(&str, Measured, Measured)],
    floor: Duration,
) -> Result<String, fmt::Error> {
    let mut table = String::new();
    writeln!(
        table,
        "{:<22} {:>5} {:>18} {:>18} {:>7}",
        "milliseconds", "", "ours p50 / p99", "reference p50/p99", "ratio"
    )?;
    for (scenario, ours, reference) in measured {
        for (verb, own, other) in [
            ("ADD", &ours.add, &reference.add),
            ("DEL", &ours.del, &reference.del),
        ] {
            let (own_median, other_median) = (quantile(own, 0.5), quantile(other, 0.5));
            let ratio = own_median.saturating_sub(floor).as_secs_f64()
                / other_median
                    .saturating_sub(floor)
                    .as_secs_f64()
                    .max(f64::EPSILON);
            writeln!(
                table,
                "{scenario:<22} {verb:>5} {:>9.2} /{:>7.2} {:>9.2} /{:>7.2} {ratio:>7.2}",
                milliseconds(own_median),
                milliseconds(quantile(own, 0.99)),
                milliseconds(other_median),
                milliseconds(quantile(other, 0.99)),
            )?;
        }
    }
    Ok(table)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

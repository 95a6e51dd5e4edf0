//! Does an attachment cost more where many are?

use std::fmt::{self, Write};
use std::time::Duration;

use anyhow::Result;

use crate::measure::{Attached, Measured, quantile};
use crate::subject::Subject;

/// ADD and DEL of one more attachment, alone and beside many.
pub(crate) struct Scale {
    alone: Measured,
    among: Measured,
}

/// Measures `rounds` attachments, makes `beside` ones, and measures again.
pub(crate) fn measure(subject: &Subject, beside: u16, rounds: usize) -> Result<Scale> {
    let next = || -> Result<Measured> {
        let mut measured = Measured::default();
        for _ in 0..rounds {
            let attached = Attached::new(subject, "next", 0)?;
            measured.add.push(attached.took);
            measured.del.push(attached.detach()?);
        }
        Ok(measured)
    };
    // The page cache is cold, and the bridge is made.
    next()?;
    let alone = next()?;
    let many = (1..=beside)
        .map(|number| Attached::new(subject, &format!("many{number}"), number))
        .collect::<Result<Vec<_>>>()?;
    let among = next()?;
    for attached in many {
        attached.detach()?;
    }
    Ok(Scale { alone, among })
}

impl Scale {
    /// One line a verb: medians alone and among many, and their ratio.
    pub(crate) fn lines(&self, scenario: &str, table: &mut String) -> fmt::Result {
        for (verb, alone, among) in [
            ("ADD", &self.alone.add, &self.among.add),
            ("DEL", &self.alone.del, &self.among.del),
        ] {
            let (alone, among) = (quantile(alone, 0.5), quantile(among, 0.5));
            let ratio = among.as_secs_f64() / alone.as_secs_f64().max(f64::EPSILON);
            writeln!(
                table,
                "{scenario:<22} {verb:>5} {:>18.2} {:>18.2} {ratio:>7.2}",
                milliseconds(alone),
                milliseconds(among),
            )?;
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

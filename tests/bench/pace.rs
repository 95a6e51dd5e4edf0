use std::time::Duration;

use anyhow::Result;

use crate::attached::Container;
use crate::figure::{Figures, Side};
use crate::subject::Subject;

/// Not counted: the page cache is cold, and the bridge is made.
const WARM_UP: usize = 3;

/// The times of all rounds, in the order of measuring.
#[derive(Default)]
pub(crate) struct Pace {
    pub(crate) add: Vec<Duration>,
    pub(crate) del: Vec<Duration>,
}

impl Pace {
    fn round(&mut self, subject: &Subject) -> Result<()> {
        let container = Container::make("bench", 0)?;
        let attached = container.attach(subject)?;
        self.add.push(attached.took);
        self.del.push(attached.detach()?);
        container.delete()
    }

    pub(crate) fn note(&self, figures: &mut Figures, scenario: &str, side: Side) {
        figures.times(scenario, "ADD", side, &self.add);
        figures.times(scenario, "DEL", side, &self.del);
    }
}

/// All subjects, one after the other in each round, so that the machine's load falls on each.
pub(crate) fn in_turn(
    subjects: &[(Side, Subject)],
    rounds: usize,
    before_each: impl Fn() -> Result<()>,
) -> Result<Vec<(Side, Pace)>> {
    for _ in 0..WARM_UP {
        for (_, subject) in subjects {
            Pace::default().round(subject)?;
        }
    }
    let mut paces: Vec<(Side, Pace)> = subjects
        .iter()
        .map(|(side, _)| (*side, Pace::default()))
        .collect();
    for _ in 0..rounds {
        for ((_, subject), (_, pace)) in subjects.iter().zip(&mut paces) {
            before_each()?;
            pace.round(subject)?;
        }
    }
    Ok(paces)
}

/// One subject by itself.
pub(crate) fn alone(subject: &Subject, rounds: usize) -> Result<Pace> {
    for _ in 0..WARM_UP {
        Pace::default().round(subject)?;
    }
    let mut pace = Pace::default();
    for _ in 0..rounds {
        pace.round(subject)?;
    }
    Ok(pace)
}

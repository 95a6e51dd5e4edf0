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

/// All subjects, one after the other in each round, so that the machine's load falls on each. The kernel takes a deleted
/// namespace apart in the background, at the expense of whoever comes next, so that is another one each time.
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
    for round in 0..rounds {
        let mut turns: Vec<_> = subjects.iter().zip(&mut paces).collect();
        turns.rotate_left(round % subjects.len().max(1));
        if round % 2 == 1 {
            turns.reverse();
        }
        for ((_, subject), (_, pace)) in turns {
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

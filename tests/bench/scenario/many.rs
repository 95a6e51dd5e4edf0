//! Does an attachment cost more where many are? And how much of that is the kernel's own?

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::Extent;
use crate::attached::Container;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, Subject};

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    for (scenario, subject) in sides.of_many() {
        one_network(scenario, (&subject, Side::Ours), extent, figures)?;
    }
    one_network("bridge", (&sides.floor(), Side::Floor), extent, figures)
}

/// The kernel finishes in the background what it was told about many links and namespaces.
const SETTLING: Duration = Duration::from_secs(3);

/// `rounds` attachments alone, then beside ten, a hundred and so on.
fn one_network(
    scenario: &str,
    (subject, side): (&Subject, Side),
    extent: &Extent,
    figures: &mut Figures,
) -> Result<()> {
    let mut many = Vec::new();
    for beside in [0, 10, 100, 1_000, 10_000] {
        if beside > extent.attachments {
            break;
        }
        for number in u16::try_from(many.len())?..beside {
            let container = Container::make(&format!("many{number}"), number + 1)?;
            let attached = container.attach(subject)?;
            many.push((container, attached));
        }
        thread::sleep(SETTLING);
        let pace = pace::alone(subject, extent.rounds)?;
        pace.note(figures, &format!("{scenario}, beside {beside}"), side);
    }
    for (container, attached) in many {
        attached.detach()?;
        container.delete()?;
    }
    Ok(())
}

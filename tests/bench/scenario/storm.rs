//! Many containers at once, as when a node starts.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;

use super::Extent;
use crate::attached::{Attached, Container};
use crate::figure::{Figures, Side, Unit};
use crate::subject::{Kind, Sides, Subject, subnet};

/// Containers, and how many at once.
pub(crate) const STORMS: [(u16, usize); 4] = [(100, 8), (200, 32), (500, 32), (500, 128)];

pub(super) fn measure(sides: &Sides<'_>, _: &Extent, figures: &mut Figures) -> Result<()> {
    for (network, name, keys) in [
        ("bridge", "storm", json!({})),
        ("masquerade", "storm-masq", json!({"ipMasq": true})),
    ] {
        let (ours, reference) = sides.bridge(name, keys, &subnet());
        let mut subjects = vec![(Side::Ours, ours), (Side::Reference, reference)];
        if network == "bridge" {
            subjects.push((Side::Floor, sides.floor()));
        }
        for (count, at_once) in STORMS {
            let scenario = format!("storm of {count}, {at_once} at once, {network}");
            for (side, subject) in &subjects {
                one_storm(&scenario, *side, subject, (count, at_once), figures)?;
            }
        }
    }
    Ok(())
}

fn one_storm(
    scenario: &str,
    side: Side,
    subject: &Subject,
    (count, at_once): (u16, usize),
    figures: &mut Figures,
) -> Result<()> {
    let containers: Vec<Container> = (0..count)
        .map(|number| Container::make(&format!("storm{number}"), number))
        .collect::<Result<_>>()?;
    // The bridge is made, and the page cache is warm.
    let first = Container::make("first", count)?;
    let warm = first.attach(subject)?;
    let begun = Instant::now();
    let attached = all(&containers, at_once, |container| container.attach(subject))?;
    let took = begun.elapsed();
    no_duplicate(subject, &attached).context(scenario.to_owned())?;
    let times: Vec<Duration> = attached.iter().map(|attached| attached.took).collect();
    figures.times(scenario, "ADD", side, &times);
    figures.value(scenario, "ADDs a second", side, rate(count, took));
    let begun = Instant::now();
    let times = all(&attached, at_once, Attached::detach)?;
    let took = begun.elapsed();
    figures.times(scenario, "DEL", side, &times);
    figures.value(scenario, "DELs a second", side, rate(count, took));
    warm.detach()?;
    first.delete()?;
    containers.iter().try_for_each(Container::delete)
}

fn rate(count: u16, took: Duration) -> (f64, Unit) {
    (f64::from(count) / took.as_secs_f64(), Unit::PerSecond)
}

/// Does it to each, so many at once. The first error is the storm's.
fn all<T: Sync, R: Send>(
    items: &[T],
    at_once: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    if let Ok(mut done) = done.lock() {
                        done.push(result);
                    }
                }
            });
        }
    });
    let done = done
        .into_inner()
        .map_err(|_| anyhow!("a worker panicked"))?;
    done.into_iter().collect()
}

fn no_duplicate(subject: &Subject, attached: &[Attached<'_>]) -> Result<()> {
    if subject.kind != Kind::Cni {
        return Ok(());
    }
    let mut seen = HashSet::new();
    for attached in attached {
        let address = attached.result.pointer("/ips/0/address");
        let address = address.and_then(|address| address.as_str());
        let address = address.context("an attachment without an address")?;
        ensure!(seen.insert(address.to_owned()), "{address} was given twice");
    }
    Ok(())
}

//! Where the time of our calls goes, by the log's own account (docs/log.md).

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Extent;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, subnet};

const LOG: &str = "/var/log/wasm-cni/wasm-cni.log";
const PHASES: [&str; 12] = [
    "start", "parse", "load", "guest", "verify", "delegate", "lock", "store", "netns", "netlink",
    "nft", "other",
];

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let (bridge, _) = sides.bridge("phases", json!({}), &subnet());
    let (six_stages, _) = sides.six_stages();
    for (scenario, subject) in [
        ("bridge, phases", bridge),
        ("six stages, phases", six_stages),
    ] {
        pace::alone(&subject, extent.rounds)?;
        forget_log()?;
        pace::alone(&subject, extent.rounds)?;
        let log = fs::read_to_string(LOG).context(LOG)?;
        for verb in ["ADD", "DEL"] {
            for phase in PHASES {
                let times = times(&log, verb, phase);
                ensure!(!times.is_empty(), "{LOG} has no {phase} of {verb}");
                figures.times(scenario, &format!("{verb}, {phase}"), Side::Ours, &times);
            }
        }
    }
    Ok(())
}

fn forget_log() -> Result<()> {
    match fs::remove_file(LOG) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context(LOG),
        _ => Ok(()),
    }
}

fn times(log: &str, verb: &str, phase: &str) -> Vec<Duration> {
    let value = |line: &str, key: &str| {
        let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
        fields.find_map(|(name, value)| (name == key).then(|| value.to_owned()))
    };
    log.lines()
        .filter(|line| value(line, "verb").as_deref() == Some(verb))
        .filter_map(|line| value(line, phase)?.strip_suffix("ms")?.parse().ok())
        .map(|milliseconds: f64| Duration::from_secs_f64(milliseconds / 1000.0))
        .collect()
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use wasm_cni_tests::{Node, REFERENCE_PLUGINS, binary, executables};

use crate::case::{Case, Reference};

const DIRECTORY_VARIABLE: &str = "WASM_CNI_CONFORMANCE_DIR";

/// The reference plugins' names, by which our executable can be called.
const NAMES: [&str; 17] = [
    "bridge",
    "ptp",
    "macvlan",
    "ipvlan",
    "vlan",
    "host-device",
    "dummy",
    "tap",
    "loopback",
    "host-local",
    "static",
    "portmap",
    "bandwidth",
    "firewall",
    "tuning",
    "sbr",
    "vrf",
];
const STAGES: [&str; 6] = ["portmap", "bandwidth", "firewall", "tuning", "sbr", "vrf"];

const OURS: &str = "wasm-cni";

/// Executables that the suite judges.
pub(crate) struct Subject {
    name: &'static str,
    executables: BTreeMap<String, PathBuf>,
    /// Whether a case of this plugin says something about them.
    concerned: fn(&str) -> bool,
}

/// The directory that the environment names, else the reference plugins and ours.
///
/// # Errors
/// When the directory can't be read or ours is not built.
pub(crate) fn all() -> Result<Vec<Subject>> {
    if let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) {
        return Ok(vec![Subject {
            name: "given",
            executables: executables(Path::new(&directory))?,
            concerned: |_| true,
        }]);
    }
    let reference = executables(Path::new(REFERENCE_PLUGINS)).context("run `make setup`")?;
    let ours = binary(OURS)?;
    let mut behind_reference = reference.clone();
    behind_reference.extend(named(&STAGES, &ours));
    Ok(vec![
        Subject {
            name: "reference",
            executables: reference,
            concerned: |_| true,
        },
        Subject {
            name: "ours",
            executables: named(&NAMES, &ours).collect(),
            concerned: |_| true,
        },
        Subject {
            name: "ours_behind_reference",
            executables: behind_reference,
            concerned: |plugin| STAGES.contains(&plugin),
        },
    ])
}

fn named(names: &[&str], executable: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    names
        .iter()
        .map(move |name| ((*name).to_owned(), executable.to_owned()))
}

impl Subject {
    /// As the trials are named.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn is_reference(&self, plugin: &str) -> bool {
        let executable = self.executables.get(plugin);
        executable.is_some_and(|path| path.starts_with(REFERENCE_PLUGINS))
    }

    /// Does the case say something about these executables, and are they all there?
    pub(crate) fn is_asked(&self, case: &Case) -> bool {
        let left_out = matches!(case.reference, Reference::LeftOut);
        (self.concerned)(case.plugin())
            && case.plugins().all(|plugin| {
                self.executables.contains_key(plugin) && !(left_out && self.is_reference(plugin))
            })
    }

    /// Runs a case on a node of its own.
    ///
    /// # Errors
    /// When it fails; with the reference plugins, when it does other than known.
    pub(crate) fn judge(&self, case: &Case) -> Result<()> {
        let Some(node) = Node::start_with(&self.executables)? else {
            return Ok(());
        };
        let outcome = case.run(&node);
        match case.reference {
            Reference::Fails(judgement) if self.is_reference(case.plugin()) => {
                as_known(judgement, outcome)
            }
            _ => outcome,
        }
    }
}

fn as_known(known: &str, outcome: Result<()>) -> Result<()> {
    let Err(error) = outcome else {
        bail!("this passes now: say so in the case")
    };
    let judgement = format!("{error:?}");
    ensure!(
        judgement.contains(known),
        "this fails otherwise than known ({known:?}): {judgement}"
    );
    Ok(())
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use wasm_cni_tests::{Node, REFERENCE_PLUGINS, binary, executables};

use crate::case::{Case, Reference};

const DIRECTORY_VARIABLE: &str = "WASM_CNI_CONFORMANCE_DIR";

const STAGES: [&str; 5] = ["portmap", "bandwidth", "firewall", "tuning", "sbr"];

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
    let ours = binary("wasm-cni")?;
    let mut behind_reference = reference.clone();
    behind_reference.extend(STAGES.map(|name| (name.to_owned(), ours.clone())));
    Ok(vec![
        Subject {
            name: "reference",
            executables: reference,
            concerned: |_| true,
        },
        Subject {
            name: "ours_behind_reference",
            executables: behind_reference,
            concerned: |plugin| STAGES.contains(&plugin),
        },
    ])
}

impl Subject {
    /// As the trials are named.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn is_reference(&self, plugin: &str) -> bool {
        let path = self.executables.get(plugin);
        path.is_some_and(|path| path.starts_with(REFERENCE_PLUGINS))
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
            Reference::Fails(known) if self.is_reference(case.plugin()) => as_known(known, outcome),
            _ => outcome,
        }
    }
}

fn as_known(known: &str, outcome: Result<()>) -> Result<()> {
    let Err(error) = outcome else {
        bail!("the reference plugin passes this now: say so in the case")
    };
    let judgement = format!("{error:?}");
    ensure!(
        judgement.contains(known),
        "the reference plugin fails otherwise than known ({known:?}): {judgement}"
    );
    Ok(())
}

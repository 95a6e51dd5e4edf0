//! `install`: the executable in a runtime's directory, under its own name and those of the reference plugins.

mod drop_in;
mod file;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use cni::role::OWN_TYPE;
use runtime::{is_any_build, is_same_executable};
use serde::Serialize;

use crate::cli::NodeInstallArgs;
use crate::output::Output;
use crate::table::Rows;

/// What was done to one name of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    /// The file's name.
    name: String,
    /// What was done.
    #[serde(flatten)]
    done: Done,
}

/// What was done, or why nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "done")]
enum Done {
    /// The name is new.
    Installed,
    /// The name has led to another version of wasm-cni.
    Updated,
    /// What was there is kept beside it.
    Replaced,
    /// Nothing: it is as it was to be.
    Unchanged,
    /// The name is gone; there was nothing before it.
    Removed,
    /// What was there before is back.
    Restored,
    /// Nothing: the name is another program's.
    Foreign,
}

impl Done {
    fn text(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Updated => "updated",
            Self::Replaced => "installed; what was there is kept as NAME.reference",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Restored => "what was there before is back",
            Self::Foreign => "left alone: it is another program",
        }
    }
}

/// Installs or takes back, name by name; each name leads to a whole executable at every moment.
///
/// # Errors
/// The first file that can't be written. A repeat goes on.
pub(crate) fn run(args: &NodeInstallArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let directory = &args.bin_dir;
    ensure!(
        directory.is_dir(),
        "{} is no directory: name the runtime's directory of CNI executables (--bin-dir)",
        directory.display()
    );
    let names: Vec<&str> = match args.names.as_slice() {
        [] => cni::drop_in::names().collect(),
        names => names.iter().map(String::as_str).collect(),
    };
    let mut changes = Vec::new();
    if args.remove {
        for name in names {
            let done = drop_in::remove(directory, name)?;
            changes.extend(done.map(|done| change(name, done)));
        }
    } else {
        changes.push(change(
            OWN_TYPE,
            own(directory, args.executable.as_deref())?,
        ));
        if args.drop_in {
            for name in names {
                changes.push(change(name, drop_in::install(directory, name)?));
            }
        }
    }
    output.answer(&changes, |changes| text(changes))?;
    Ok(ExitCode::SUCCESS)
}

fn change(name: &str, done: Done) -> Change {
    Change {
        name: name.to_owned(),
        done,
    }
}

/// The executable under its own name.
fn own(directory: &Path, executable: Option<&Path>) -> anyhow::Result<Done> {
    let target = directory.join(OWN_TYPE);
    let source = match executable {
        Some(file) => file.to_owned(),
        None if target.is_file() => return Ok(Done::Unchanged),
        None => beside_this_tool()?,
    };
    ensure!(
        is_any_build(&source).with_context(|| source.display().to_string())?,
        "{} is not the wasm-cni executable",
        source.display()
    );
    if is_same_executable(&source, &target) {
        return Ok(Done::Unchanged);
    }
    let was_there = target.is_file();
    file::copy_into_place(&source, &target)?;
    Ok(if was_there {
        Done::Updated
    } else {
        Done::Installed
    })
}

fn beside_this_tool() -> anyhow::Result<PathBuf> {
    let tool = std::env::current_exe().context("where this tool is")?;
    let file = tool.with_file_name(OWN_TYPE);
    ensure!(
        file.is_file(),
        "there is no {}: name the wasm-cni executable (--executable)",
        file.display()
    );
    Ok(file)
}

fn text(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing of ours is there".to_owned();
    }
    let mut rows = Rows::new(["NAME", "DONE"]);
    for change in changes {
        rows.push([change.name.clone(), change.done.text().to_owned()]);
    }
    rows.render()
}

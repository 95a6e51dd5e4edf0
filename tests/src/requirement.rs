use std::io::Write;

use anyhow::{Result, bail};

use crate::Node;

/// Tells that a test did not run, and why.
pub fn skip(reason: &str) {
    // Straight to the descriptor: the test harness keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Is the test run by root? False after telling that it is skipped.
///
/// # Errors
/// In CI, where such a skip would hide that nothing was tested.
pub fn root() -> Result<bool> {
    require(nix::unistd::geteuid().is_root(), "needs root")
}

/// Is this program installed? False after telling that it is skipped.
///
/// # Errors
/// In CI, as with [`root`].
pub(crate) fn program(name: &str) -> Result<bool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    require(
        found,
        &format!("needs the program {name}: run `make setup`"),
    )
}

/// Does this kernel offer such a link (`["type", "dummy"]`)? False after telling that the test is skipped: kernels may
/// lack some kinds.
///
/// # Errors
/// When the node can't run `ip`.
pub fn link_kind(node: &Node, words: &[&str]) -> Result<bool> {
    let add = [&["ip", "link", "add", "name", "probe0"], words].concat();
    if !node.run(&add)?.success() {
        skip(&format!(
            "this kernel offers no link of {}",
            words.join(" ")
        ));
        return Ok(false);
    }
    node.ok(&["ip", "link", "delete", "probe0"])?;
    Ok(true)
}

fn require(met: bool, reason: &str) -> Result<bool> {
    if !met {
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            bail!("{reason}; in CI that is a failure");
        }
        skip(reason);
    }
    Ok(met)
}

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::Node;

const PATIENCE: Duration = Duration::from_secs(30);

/// A process of a node beside the test; it ends with this, or with the node.
#[derive(Debug)]
pub struct Background(Child);

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(node: &Node, argv: &[&str]) -> Result<Self> {
        let mut command = node.command_within("600", argv);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
///
/// # Errors
/// When it never does, or can't be told.
pub fn wait_for(what: &str, holds: impl Fn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < PATIENCE, "{what}: in vain");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

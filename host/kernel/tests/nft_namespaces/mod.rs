//! Network namespaces of a test's own.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::File;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace that lives as long as this value.
pub(crate) struct Namespace(File);

impl Namespace {
    /// A new namespace whose `lo` is up; `None`, with the reason printed, where that is not allowed.
    pub(crate) fn new() -> Option<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let file = File::open("/proc/thread-self/ns/net").unwrap();
            Ok(file)
        });
        match made.join().unwrap() {
            Ok(file) => {
                let namespace = Self(file);
                namespace.ip("link set lo up");
                Some(namespace)
            }
            Err(Errno::EPERM) => {
                println!("skipped: making a network namespace needs CAP_SYS_ADMIN");
                None
            }
            Err(errno) => panic!("unshare: {errno}"),
        }
    }

    /// Runs something in a thread of its own in this namespace.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// How others name this namespace.
    pub(crate) fn path(&self) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Runs `ip` with these words.
    pub(crate) fn ip(&self, words: &str) -> String {
        self.tool("ip", &words.split(' ').collect::<Vec<_>>())
    }

    /// Runs `bridge` with these words.
    pub(crate) fn bridge(&self, words: &str) -> String {
        self.tool("bridge", &words.split(' ').collect::<Vec<_>>())
    }

    /// Runs `nft` with one text of commands.
    pub(crate) fn nft(&self, commands: &str) -> String {
        self.tool("nft", &[commands])
    }

    /// Writes a value under `/proc/sys/net`.
    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        self.run(|| std::fs::write(format!("/proc/sys/net/{key}"), value).unwrap());
    }

    /// Feeds a text to a tool.
    pub(crate) fn restore(&self, name: &str, arguments: &[&str], text: &str) {
        let mut child = self.run(|| {
            let mut command = Command::new(name);
            command.args(arguments).stdin(std::process::Stdio::piped());
            command.spawn().unwrap()
        });
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{name}");
    }

    /// Runs a tool; returns what it prints.
    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.run(|| Command::new(name).args(arguments).output().unwrap());
        assert!(
            output.status.success(),
            "{name} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A veth pair between two namespaces; both ends are up.
pub(crate) fn connect(left: &Namespace, left_name: &str, right: &Namespace, right_name: &str) {
    left.ip(&format!(
        "link add {left_name} type veth peer name {right_name} netns {}",
        right.path()
    ));
    left.ip(&format!("link set {left_name} up"));
    right.ip(&format!("link set {right_name} up"));
}

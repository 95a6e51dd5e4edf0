use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

use crate::{KernelError, Netns, NetnsError};

/// Does work on a thread in a new network namespace, beside another new one that stands for a container's. Both vanish with
/// all that was made in them, and nothing of the host's is touched: for finding out what the kernel can do.
///
/// # Errors
/// When no namespace can be made.
pub fn in_throwaway_namespaces<T: Send>(
    work: impl FnOnce(&Netns) -> T + Send,
) -> Result<T, KernelError> {
    thread::scope(|scope| {
        let (entered, path) = mpsc::sync_channel(1);
        let (ended, end) = mpsc::channel::<()>();
        let container = scope.spawn(move || {
            // Nobody waits for an answer who is gone.
            let _ = entered.send(enter_new());
            // Until the other end is dropped.
            let _ = end.recv();
        });
        let outcome = path
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
            .map_err(failed)
            .and_then(|path| {
                let host = scope.spawn(move || -> Result<T, KernelError> {
                    enter_new().map_err(failed)?;
                    let netns = Netns::open(&path).map_err(|error| match error {
                        NetnsError::Io { source, .. } => failed(source),
                        other => failed(io::Error::other(other)),
                    })?;
                    Ok(work(&netns))
                });
                host.join().unwrap_or_else(|panic| resume_unwind(panic))
            });
        drop(ended);
        let _ = container.join();
        outcome
    })
}

/// The path by which other threads of this process reach the calling thread's new namespace.
fn enter_new() -> io::Result<PathBuf> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(format!("/proc/self/task/{}/ns/net", gettid()).into())
}

fn failed(source: io::Error) -> KernelError {
    KernelError::Io {
        doing: "making a network namespace",
        source,
    }
}

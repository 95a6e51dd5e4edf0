use std::fs::File;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use nix::sched::{CloneFlags, setns};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that entered a network namespace and does nothing else; it ends with its owner.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn enter(namespace: &File) -> io::Result<Self> {
        let namespace = namespace.try_clone()?;
        let (jobs, inbox) = channel::<Job>();
        let (entered, outcome) = channel();
        let thread = Builder::new().name("netns".into()).spawn(move || {
            let result = setns(&namespace, CloneFlags::CLONE_NEWNET);
            drop(namespace);
            let inside = result.is_ok();
            // The other side is gone only if it gave up.
            let _ = entered.send(result);
            if inside {
                inbox.into_iter().for_each(|job| job());
            }
        })?;
        outcome.recv().map_err(|_| died())??;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (reply, answer) = channel();
        let job: Job = Box::new(move || {
            let _ = reply.send(function());
        });
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .and_then(|()| answer.recv().ok())
            .ok_or_else(died)
    }
}

impl Drop for Worker {
    /// Waits for the thread, so that it no longer holds the namespace when the owner is gone.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn died() -> io::Error {
    io::Error::other("the thread inside the namespace died")
}

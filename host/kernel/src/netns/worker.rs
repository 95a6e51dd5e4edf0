use std::fs::File;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use nix::sched::{CloneFlags, setns};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that entered a network namespace and does nothing else; it ends when its owner is gone.
#[derive(Debug)]
pub(super) struct Worker(Sender<Job>);

impl Worker {
    /// Starts the thread, and has it run `first` in the namespace at once: each time that one thread waits for another
    /// costs as much as several requests to the kernel.
    pub(super) fn enter<T: Send + 'static>(
        namespace: &File,
        first: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<(Self, T)> {
        let namespace = namespace.try_clone()?;
        let (jobs, inbox) = channel::<Job>();
        let (reply, answer) = channel();
        Builder::new().name("netns".into()).spawn(move || {
            let entered = setns(&namespace, CloneFlags::CLONE_NEWNET);
            drop(namespace);
            let outcome = entered.map_err(io::Error::from).and_then(|()| first());
            let inside = outcome.is_ok();
            // The other side is gone only if it gave up.
            let _ = reply.send(outcome);
            if inside {
                inbox.into_iter().for_each(|job| job());
            }
        })?;
        let outcome = answer.recv().map_err(|_| died())??;
        Ok((Self(jobs), outcome))
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (reply, answer) = channel();
        let job: Job = Box::new(move || {
            let _ = reply.send(function());
        });
        self.0.send(job).map_err(|_| died())?;
        answer.recv().map_err(|_| died())
    }
}

fn died() -> io::Error {
    io::Error::other("the thread inside the namespace died")
}

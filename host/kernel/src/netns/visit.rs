use std::fs::File;
use std::io;
use std::process;

use nix::sched::{CloneFlags, setns};

/// The way back. Dropped, it is taken.
struct Home(File);

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(errno) = setns(&self.0, CloneFlags::CLONE_NEWNET) {
            // Whatever this thread did next would be done to a container instead of the host.
            #[allow(clippy::print_stderr, reason = "nobody is left to return an error to")]
            let () = eprintln!(
                "wasm-cni: the way back to the host's network namespace is barred: {errno}"
            );
            process::abort();
        }
    }
}

/// Takes the calling thread into a network namespace, for as long as the function runs.
///
/// A thread of its own would cost more than all that is done there: to start it, to have it wake up on another processor,
/// and from then on to tell that processor of each page that is unmapped.
pub(super) fn visit<T>(
    namespace: &File,
    function: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let home = Home(File::open("/proc/thread-self/ns/net")?);
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    let outcome = function();
    drop(home);
    outcome
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use nix::sched::unshare;

    use super::*;

    fn here() -> u64 {
        let namespace = File::open("/proc/thread-self/ns/net").unwrap();
        namespace.metadata().unwrap().ino()
    }

    /// A namespace of its own; it lives as long as the file.
    fn another() -> File {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        made.join().unwrap()
    }

    #[test]
    fn a_visit_ends_at_home_whatever_happens() {
        let (home, there) = (here(), another());
        let seen = visit(&there, || Ok(here())).unwrap();
        assert_eq!(seen, there.metadata().unwrap().ino());
        assert_ne!(seen, home);
        assert_eq!(here(), home);

        let failed = visit::<()>(&there, || Err(io::Error::other("no")));
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(here(), home);

        let panics = || visit::<()>(&there, || panic!("inside"));
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(here(), home);
    }

    #[test]
    fn what_is_no_network_namespace_is_not_entered() {
        let home = here();
        let mounts = File::open("/proc/thread-self/ns/mnt").unwrap();
        let refused = visit(&mounts, || Ok(())).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(here(), home);
    }
}

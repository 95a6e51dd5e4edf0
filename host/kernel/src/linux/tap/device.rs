use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use libc::{c_int, c_ulong};
use plan::TapDevice;

pub(super) const PATH: &str = "/dev/net/tun";

/// A tap that is there as long as this is, unless it is made to stay.
pub(super) struct Tap(File);

impl Tap {
    /// Makes one that must not exist, in the namespace of the calling thread.
    pub(super) fn create(wanted: &TapDevice) -> io::Result<Self> {
        fault_point::before("a new tap");
        let tap = Self(OpenOptions::new().read(true).write(true).open(PATH)?);
        tap.set_interface(&wanted.name, wanted.multi_queue)?;
        if let Some(owner) = wanted.owner {
            tap.set(libc::TUNSETOWNER, owner)?;
        }
        if let Some(group) = wanted.group {
            tap.set(libc::TUNSETGROUP, group)?;
        }
        Ok(tap)
    }

    pub(super) fn persist(&self) -> io::Result<()> {
        fault_point::before("making a tap stay");
        self.set(libc::TUNSETPERSIST, 1)
    }

    fn set_interface(&self, name: &str, multi_queue: bool) -> io::Result<()> {
        let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL;
        if multi_queue {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        let mut request = InterfaceRequest {
            name: [0; libc::IFNAMSIZ],
            // The flags are 16 bits wide, whatever the sign of the constants.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "all flags are among the lower 16 bits"
            )]
            flags: flags as u16,
            rest: [0; 22],
        };
        // A name that is too long has been refused by the protocol; its last byte must stay 0.
        let room = libc::IFNAMSIZ - 1;
        for (to, from) in request.name.iter_mut().take(room).zip(name.bytes()) {
            *to = from;
        }
        #[allow(unsafe_code, reason = "an ioctl that reads and writes one structure")]
        // SAFETY: the descriptor is open, and the structure has the size and form of `struct ifreq`.
        let status = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        outcome(status)
    }

    fn set(&self, request: libc::Ioctl, value: u32) -> io::Result<()> {
        #[allow(unsafe_code, reason = "an ioctl that takes a number")]
        // SAFETY: the descriptor is open, and these requests take their argument by value.
        let status = unsafe { libc::ioctl(self.0.as_raw_fd(), request, c_ulong::from(value)) };
        outcome(status)
    }
}

/// `struct ifreq`.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    rest: [u8; 22],
}

fn outcome(status: c_int) -> io::Result<()> {
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

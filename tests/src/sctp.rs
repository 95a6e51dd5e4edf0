//! SCTP without a kernel that speaks it: the first packet of an association, and a look at what arrives.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
};

use crate::Place;
use crate::place::inside;

const SCTP: u8 = 132;
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends an INIT chunk (RFC 9260, 3.3.2) from one address and port to another.
///
/// # Errors
/// When it can't be sent.
pub fn send_sctp_init(
    from: &dyn Place,
    source: (Ipv4Addr, u16),
    target: (Ipv4Addr, u16),
) -> Result<()> {
    let mut packet = ipv4_header(source.0, target.0);
    packet.extend(init(source.1, target.1));
    inside(from, || {
        // IPPROTO_RAW: the header is ours; the kernel fills in length and checksum.
        let raw = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Raw,
        )?;
        let [a, b, c, d] = target.0.octets();
        let address = SockaddrIn::new(a, b, c, d, 0);
        sendto(raw.as_raw_fd(), &packet, &address, MsgFlags::empty())?;
        Ok(())
    })
}

/// Sees all packets that arrive in a namespace.
#[derive(Debug)]
pub struct SctpWatch {
    socket: OwnedFd,
}

impl SctpWatch {
    /// Begins to look.
    ///
    /// # Errors
    /// When there can be no packet socket.
    pub fn start(place: &dyn Place) -> Result<Self> {
        let socket = inside(place, || {
            Ok(socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )?)
        })?;
        Ok(Self { socket })
    }

    /// Source address and destination port of the first SCTP packet over IPv4 to this address; None when none comes
    /// within some seconds.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn next_to(&self, address: Ipv4Addr) -> Result<Option<(Ipv4Addr, u16)>> {
        let start = Instant::now();
        let mut packet = [0; 2048];
        while start.elapsed() < PATIENCE {
            match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(length) => {
                    let packet = packet.get(..length).unwrap_or_default();
                    if let Some(found) = read(packet, address) {
                        return Ok(Some(found));
                    }
                }
                Err(Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

fn read(packet: &[u8], address: Ipv4Addr) -> Option<(Ipv4Addr, u16)> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let is_ours = header[0] == 0x45 && header[9] == SCTP && header[16..] == address.octets();
    let port = packet.get(22..24)?.try_into().ok()?;
    let source: [u8; 4] = header[12..16].try_into().ok()?;
    is_ours.then(|| (source.into(), u16::from_be_bytes(port)))
}

fn ipv4_header(source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, SCTP, 0, 0];
    header.extend(source.octets());
    header.extend(target.octets());
    header
}

fn init(source: u16, target: u16) -> Vec<u8> {
    let mut packet = Vec::from(source.to_be_bytes());
    packet.extend(target.to_be_bytes());
    // No verification tag yet, and room for the checksum.
    packet.extend([0; 8]);
    // INIT, 20 bytes: tag, window, streams out and in, first sequence number.
    packet.extend([1, 0, 0, 20]);
    packet.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    let checksum = crc32c(&packet).to_le_bytes();
    packet.splice(8..12, checksum);
    packet
}

/// RFC 9260, appendix A. Connection tracking drops packets in which it is wrong.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0x82f6_3b78 * (sum & 1));
    !bytes
        .iter()
        .fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}

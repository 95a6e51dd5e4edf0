//! Framing of netlink messages (`struct nlmsghdr`, `struct nlmsgerr`; include/uapi/linux/netlink.h).

use netlink_packet_core::{Emitable, NetlinkBuffer, NetlinkHeader};

use super::attribute;

/// Of `struct nlmsghdr`, in bytes.
const HEADER: usize = 16;
/// Of `struct nfgenmsg`, in bytes.
const NETFILTER_HEADER: usize = 4;
/// `NLMSGERR_ATTR_MSG`
const TEXT: u16 = 1;

/// The message type of an nftables operation (`NFT_MSG_*`).
pub(super) fn nftables(operation: libc::c_int) -> u16 {
    kind_of(libc::NFNL_SUBSYS_NFTABLES, operation)
}

/// The message type of an operation of a part of nfnetlink.
pub(super) fn kind_of(subsystem: libc::c_int, operation: libc::c_int) -> u16 {
    ((subsystem << 8) | operation) as u16
}

/// Appends one message; `encode` writes what follows the netlink header.
pub(super) fn append(
    buffer: &mut Vec<u8>,
    kind: u16,
    flags: libc::c_int,
    sequence: u32,
    encode: impl FnOnce(&mut Vec<u8>),
) {
    let start = buffer.len();
    buffer.resize(start + HEADER, 0);
    encode(buffer);
    buffer.resize(buffer.len().next_multiple_of(4), 0);
    let mut header = NetlinkHeader::default();
    header.length = (buffer.len() - start) as u32;
    header.message_type = kind;
    header.flags = (libc::NLM_F_REQUEST | flags) as u16;
    header.sequence_number = sequence;
    if let Some(field) = buffer.get_mut(start..start + HEADER) {
        header.emit(field);
    }
}

/// What the kernel said about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    /// The request's sequence number.
    pub(super) sequence: u32,
    /// The table changed while the dump that this is part of was read (`NLM_F_DUMP_INTR`).
    pub(super) interrupted: bool,
    pub(super) content: Content<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// An object's attributes.
    Object(&'a [u8]),
    /// The request, or the whole batch up to it, was accepted; or a dump came to its end.
    Done,
    /// The request was refused.
    Refused {
        /// A positive `errno`.
        errno: i32,
        /// What the kernel's extended acknowledgement says.
        text: Option<String>,
    },
}

/// The answers in what one `recv` gave; ends early where the framing is broken.
pub(super) fn answers(mut datagram: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(datagram).ok()?;
        let length = usize::try_from(message.length()).ok()?;
        let payload = datagram.get(HEADER..length)?;
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
        let flags = libc::c_int::from(message.flags());
        Some(Answer {
            sequence: message.sequence_number(),
            interrupted: flags & libc::NLM_F_DUMP_INTR != 0,
            content: content(libc::c_int::from(message.message_type()), flags, payload)?,
        })
    })
}

fn content(kind: libc::c_int, flags: libc::c_int, payload: &[u8]) -> Option<Content<'_>> {
    if kind != libc::NLMSG_ERROR && kind != libc::NLMSG_DONE {
        return payload.get(NETFILTER_HEADER..).map(Content::Object);
    }
    let (code, rest) = payload.split_first_chunk()?;
    let errno = i32::from_ne_bytes(*code).checked_neg()?;
    if errno == 0 {
        return Some(Content::Done);
    }
    let text = (kind == libc::NLMSG_ERROR && flags & libc::NLM_F_ACK_TLVS != 0)
        .then(|| extended_text(rest, flags))
        .flatten();
    Some(Content::Refused { errno, text })
}

/// The text that follows the header of the refused message, and the message itself unless that is capped.
fn extended_text(rest: &[u8], flags: libc::c_int) -> Option<String> {
    let length = if flags & libc::NLM_F_CAPPED != 0 {
        HEADER
    } else {
        let (length, _) = rest.split_first_chunk()?;
        usize::try_from(u32::from_ne_bytes(*length))
            .ok()?
            .checked_next_multiple_of(4)?
    };
    let text = attribute::find(rest.get(length..)?, TEXT)?;
    attribute::text_of(text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: libc::c_int, flags: libc::c_int, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, kind as u16, flags, 7, |buffer| {
            buffer.extend(payload);
        });
        bytes
    }

    #[test]
    fn a_message_is_framed_and_padded() {
        let mut bytes = vec![];
        append(
            &mut bytes,
            nftables(libc::NFT_MSG_NEWRULE),
            libc::NLM_F_ACK,
            3,
            |buffer| {
                buffer.extend([1, 2, 3, 4, 5]);
            },
        );
        let wanted = [
            24, 0, 0, 0, 6, 10, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0,
        ];
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn a_refusal_carries_errno_and_text() {
        let mut payload = (-libc::EEXIST).to_ne_bytes().to_vec();
        payload.extend([0; HEADER]);
        payload.extend([9, 0, 1, 0]);
        payload.extend(b"busy\0");
        let bytes = answer(
            libc::NLMSG_ERROR,
            libc::NLM_F_CAPPED | libc::NLM_F_ACK_TLVS,
            &payload,
        );
        let found: Vec<_> = answers(&bytes).map(|answer| answer.content).collect();
        let text = Some("busy".to_owned());
        assert_eq!(
            found,
            [Content::Refused {
                errno: libc::EEXIST,
                text
            }]
        );
    }

    #[test]
    fn several_answers_of_one_datagram_are_told_apart() {
        let mut bytes = answer(0xa03, libc::NLM_F_DUMP_INTR, &[9; 6]);
        bytes.extend(answer(libc::NLMSG_DONE, 0, &[0; 4]));
        let found: Vec<_> = answers(&bytes).collect();
        assert!(found[0].interrupted);
        assert_eq!(found[0].content, Content::Object(&[9, 9, 0, 0]));
        assert_eq!(found[1].content, Content::Done);
    }

    #[test]
    fn broken_framing_ends_the_answers() {
        let whole = answer(libc::NLMSG_ERROR, 0, &(-1_i32).to_ne_bytes());
        for length in 0..whole.len() {
            assert_eq!(answers(&whole[..length]).count(), 0, "{length}");
        }
        for claimed in [0_u32, 3, 15, 1000, u32::MAX] {
            let mut bytes = whole.clone();
            bytes[..4].copy_from_slice(&claimed.to_ne_bytes());
            assert_eq!(answers(&bytes).count(), 0, "{claimed}");
        }
    }
}

//! Netlink attributes (`struct nlattr`) as nftables uses them: numbers in network byte order.
//!
//! `netlink-bindings` 0.3, which is generated from the kernel's own specification, cannot stand in: the specification
//! (Documentation/netlink/specs/nftables.yaml) numbers attributes of lookups, chains and set elements wrongly, and a rule
//! made from it is refused with EINVAL. The numbers here are those of include/uapi/linux/netfilter/nf_tables.h.

use netlink_packet_core::{NLA_F_NESTED, NlasIterator};

const HEADER: usize = 4;

/// A list of attributes that is being written.
#[derive(Debug)]
pub(super) struct Attributes<'a>(&'a mut Vec<u8>);

impl<'a> Attributes<'a> {
    /// Appends attributes to the buffer.
    pub(super) fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.write(kind, |buffer| buffer.extend(value))
    }

    /// A text, ended by NUL.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.write(kind, |buffer| {
            buffer.extend(value.as_bytes());
            buffer.push(0);
        })
    }

    pub(super) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// One of the kernel's enumerations or flags, some of which are negative (`NFT_JUMP`).
    pub(super) fn code(&mut self, kind: u16, value: libc::c_int) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Attributes inside an attribute; at most 64 KiB.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.write(kind | NLA_F_NESTED, |buffer| fill(&mut Attributes(buffer)))
    }

    /// Attributes inside an attribute, as the kernel gave them.
    pub(super) fn nested(&mut self, kind: u16, attributes: &[u8]) -> &mut Self {
        self.bytes(kind | NLA_F_NESTED, attributes)
    }

    fn write(&mut self, kind: u16, value: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        value(self.0);
        // The padding behind a value does not count; inside a nest it does.
        let length = (self.0.len() - start) as u16;
        if let Some(field) = self.0.get_mut(start..start + 2) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
        self.0.resize(self.0.len().next_multiple_of(HEADER), 0);
        self
    }
}

/// The attributes of a list; ends early where the framing is broken.
pub(super) fn each(list: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(list).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let value = attribute
            .into_inner()
            .get(HEADER..usize::from(attribute.length()))?;
        Some((attribute.kind(), value))
    })
}

/// The first attribute of this kind.
pub(super) fn find(list: &[u8], kind: u16) -> Option<&[u8]> {
    each(list)
        .find(|(found, _)| *found == kind)
        .map(|(_, value)| value)
}

/// The number that an attribute holds.
pub(super) fn u32_of(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// The number that an attribute holds.
pub(super) fn u64_of(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// The text that an attribute holds.
pub(super) fn text_of(value: &[u8]) -> Option<&str> {
    str::from_utf8(value.strip_suffix(&[0])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nests_count_their_padding() {
        let mut buffer = Vec::new();
        Attributes::new(&mut buffer).nest(3, |inner| {
            inner.text(1, "abcd").code(2, libc::NFT_JUMP);
        });
        let wanted = [
            &[24, 0, 3, 0x80][..],
            &[9, 0, 1, 0, b'a', b'b', b'c', b'd', 0, 0, 0, 0],
            &[8, 0, 2, 0, 0xff, 0xff, 0xff, 0xfd],
        ];
        assert_eq!(buffer, wanted.concat());
        let nest = find(&buffer, 3).unwrap();
        assert_eq!(text_of(find(nest, 1).unwrap()), Some("abcd"));
        assert_eq!(u32_of(find(nest, 2).unwrap()), Some(0xffff_fffd));
    }

    #[test]
    fn broken_lists_end_early() {
        for list in [&[][..], &[4], &[3, 0, 1, 0], &[8, 0, 1, 0, 1], &[0; 8]] {
            assert_eq!(each(list).count(), 0, "{list:?}");
        }
    }
}

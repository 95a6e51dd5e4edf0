//! What `nft` keeps with a set to list its elements (libnftnl, include/libnftnl/udata.h); the kernel hands it back as it was.

use super::KeyType;

/// `NFTNL_UDATA_SET_…`
mod attribute {
    pub(super) const KEY_BYTE_ORDER: u8 = 0;
    pub(super) const DATA_BYTE_ORDER: u8 = 1;
    pub(super) const KEY_EXPRESSION: u8 = 3;
    pub(super) const DATA_EXPRESSION: u8 = 4;
}
/// `NFTNL_UDATA_SET_TYPEOF_EXPR`, `NFTNL_UDATA_SET_TYPEOF_DATA`
const KIND: u8 = 0;
const DETAILS: u8 = 1;
/// `EXPR_…` (nftables, include/expression.h)
mod kind {
    pub(super) const PAYLOAD: u32 = 7;
    pub(super) const CONNECTION: u32 = 12;
    pub(super) const CONCATENATION: u32 = 13;
}
/// `PROTO_BASE_TRANSPORT_HDR` (nftables, include/proto.h)
const TRANSPORT_HEADER: u32 = 3;

/// An expression that `nft` writes behind `typeof`, where its types have no name that it would read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nft) enum Term {
    /// `ip daddr`
    Ipv4Destination,
    /// `ip6 daddr`
    Ipv6Destination,
    /// `udp dport`
    DatagramPort,
    /// `@th,<offset>,<length>`, both in bits.
    Transport { offset: u32, length: u32 },
    /// `ct zone`
    ConnectionZone,
}

impl Term {
    fn kind(self) -> u32 {
        match self {
            Self::ConnectionZone => kind::CONNECTION,
            _ => kind::PAYLOAD,
        }
    }

    /// Numbers of the attributes 0, 1, … For a field these are header and field (`PROTO_DESC_…` and its template's index),
    /// for plain bytes neither, and then base, offset and length.
    fn details(self) -> Vec<u32> {
        match self {
            Self::Ipv4Destination => vec![12, 12],
            Self::Ipv6Destination => vec![13, 9],
            Self::DatagramPort => vec![6, 2],
            Self::Transport { offset, length } => vec![0, 0, TRANSPORT_HEADER, offset, length],
            // Of either direction.
            Self::ConnectionZone => vec![libc::NFT_CT_ZONE as u32, u32::MAX],
        }
    }

    fn encode(self) -> Vec<u8> {
        let details = (0_u8..).zip(self.details());
        let details: Vec<u8> = details.flat_map(|(at, value)| number(at, value)).collect();
        [number(KIND, self.kind()), nest(DETAILS, details)].concat()
    }
}

/// The byte order of keys; where both keys and data are given as expressions, these too.
pub(super) fn userdata(key: KeyType, data: Option<KeyType>) -> Vec<u8> {
    let mut userdata = number(attribute::KEY_BYTE_ORDER, key.byte_order());
    if let Some(data) = data
        && let (Some(of_key), Some(of_data)) = (expression(key), expression(data))
    {
        userdata.extend(number(attribute::DATA_BYTE_ORDER, data.byte_order()));
        userdata.extend(nest(attribute::KEY_EXPRESSION, of_key));
        userdata.extend(nest(attribute::DATA_EXPRESSION, of_data));
    }
    userdata
}

/// None where some part is not given as an expression.
fn expression(key: KeyType) -> Option<Vec<u8>> {
    let terms: Option<Vec<Term>> = key.parts().map(|part| part.term).collect();
    match terms?.as_slice() {
        [] => None,
        [term] => Some(term.encode()),
        terms => {
            let parts = (0_u8..).zip(terms);
            let parts = parts.flat_map(|(at, term)| nest(at, term.encode()));
            let details = nest(DETAILS, parts.collect());
            Some([number(KIND, kind::CONCATENATION), details].concat())
        }
    }
}

/// One attribute: its number, its length, its value.
fn nest(at: u8, value: Vec<u8>) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [vec![at, length], value].concat()
}

fn number(at: u8, value: u32) -> Vec<u8> {
    nest(at, value.to_ne_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `nft --debug=mnl add map … { typeof ip daddr . @th,224,16 : ct zone; }` sends it, but for the key's byte order,
    /// which means nothing where there are several parts, and for attributes that are empty.
    #[cfg(target_endian = "little")]
    #[test]
    fn expressions_are_those_that_nft_sends() {
        let port = KeyType::NUMBER.given_as(Term::Transport {
            offset: 224,
            length: 16,
        });
        let key = KeyType::IPV4_ADDRESS
            .given_as(Term::Ipv4Destination)
            .then(port);
        let wanted = [
            &[0, 4, 2, 0, 0, 0][..],
            &[1, 4, 1, 0, 0, 0],
            &[3, 0x46, 0, 4, 13, 0, 0, 0, 1, 0x3e],
            &[
                0, 0x14, 0, 4, 7, 0, 0, 0, 1, 12, 0, 4, 12, 0, 0, 0, 1, 4, 12, 0, 0, 0,
            ],
            &[1, 0x26, 0, 4, 7, 0, 0, 0, 1, 0x1e],
            &[0, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 2, 4, 3, 0, 0, 0],
            &[3, 4, 224, 0, 0, 0, 4, 4, 16, 0, 0, 0],
            &[4, 0x14, 0, 4, 12, 0, 0, 0, 1, 12],
            &[0, 4, 17, 0, 0, 0, 1, 4, 255, 255, 255, 255],
        ];
        assert_eq!(
            userdata(key, Some(KeyType::CONNECTION_ZONE)),
            wanted.concat()
        );
    }

    #[test]
    fn types_with_names_have_no_expression() {
        let byte_order = number(0, 2);
        let key = KeyType::IPV4_ADDRESS.then(KeyType::PORT);
        assert_eq!(userdata(key, Some(KeyType::PORT)), byte_order);
        assert_eq!(userdata(key, Some(KeyType::CONNECTION_ZONE)), byte_order);
        assert_eq!(userdata(key, None), byte_order);
    }
}

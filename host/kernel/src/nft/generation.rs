use super::attribute::{find, u32_of};
use super::error::Object;
use super::socket::Request;

/// `NFTA_GEN_ID`
const ID: u16 = 1;

/// Asks for the ruleset's generation: a number that each committed batch raises. A batch that carries it is refused if
/// anything has changed since (`NFNL_BATCH_GENID`).
pub(super) fn request() -> Request {
    Request {
        kind: libc::NFT_MSG_GETGEN,
        object: Object::Generation,
        name: "the ruleset's generation".to_owned(),
        // `struct nfgenmsg` of no family.
        payload: vec![0; 4],
    }
}

/// Reads the attributes of the kernel's answer.
pub(super) fn decode(attributes: &[u8]) -> Option<u32> {
    u32_of(find(attributes, ID)?)
}

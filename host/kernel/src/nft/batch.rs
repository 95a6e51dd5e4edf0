//! A transaction: messages that the kernel does all or none of (include/uapi/linux/netfilter/nfnetlink.h).

use std::io;

use super::NftError;
use super::attribute::Attributes;
use super::error::Operation;
use super::message;
use super::table::TableFamily;

/// `NFNL_BATCH_GENID`
const GENERATION: u16 = 1;

/// Messages of one transaction. Each subject adds its own kind of message, beside its type.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    last_start: usize,
    operations: Vec<(Operation, String)>,
}

/// One operation of a batch.
#[derive(Debug)]
pub(super) struct Message {
    /// `NFT_MSG_…`
    pub(super) kind: libc::c_int,
    /// `NLM_F_…`
    pub(super) flags: libc::c_int,
    pub(super) family: TableFamily,
    pub(super) operation: Operation,
    /// Of the object, as `nft` names it.
    pub(super) name: String,
}

/// A batch that can be sent.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) bytes: Vec<u8>,
    /// The sequence number of the last operation, the only one that is acknowledged.
    pub(super) last: u32,
    operations: Vec<(Operation, String)>,
}

impl Batch {
    /// An empty batch. With a generation number the kernel refuses it (ERESTART) if nftables has changed since.
    pub(super) fn new(generation: Option<u32>) -> Self {
        let mut bytes = Vec::new();
        let kind = libc::NFNL_MSG_BATCH_BEGIN as u16;
        message::append(&mut bytes, kind, 0, 0, |buffer| {
            buffer.extend(batch_header());
            if let Some(generation) = generation {
                Attributes::new(buffer).u32(GENERATION, generation);
            }
        });
        Self {
            bytes,
            last_start: 0,
            operations: Vec::new(),
        }
    }

    /// Adds one operation on an object of our table; `encode` writes its attributes behind the table's name.
    pub(super) fn push(&mut self, message: Message, encode: impl FnOnce(&mut Attributes<'_>)) {
        let operation = (message.operation, message.name);
        self.push_any(message.kind, message.flags, operation, |buffer| {
            encode(&mut message.family.attributes(buffer));
        });
    }

    /// Adds one operation on any object; `encode` writes all that follows the netlink header.
    pub(super) fn push_any(
        &mut self,
        kind: libc::c_int,
        flags: libc::c_int,
        operation: (Operation, String),
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        self.operations.push(operation);
        self.last_start = self.bytes.len();
        let kind = message::nftables(kind);
        let sequence = self.operations.len() as u32;
        message::append(&mut self.bytes, kind, flags, sequence, encode);
    }

    /// A number that no other set of the batch has (`NFTA_SET_ID`).
    pub(super) fn next_set_id(&self) -> u32 {
        self.operations.len() as u32 + 1
    }

    /// Has it no operation?
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(super) fn finish(mut self) -> Finished {
        // nlmsg_flags: only the last operation asks for an acknowledgement, which stands for the whole batch. The end of
        // the batch can't: kernels before 6.10 do not acknowledge it.
        if let Some(flags) = self.bytes.get_mut(self.last_start + 6) {
            *flags |= libc::NLM_F_ACK as u8;
        }
        let last = self.operations.len() as u32;
        let kind = libc::NFNL_MSG_BATCH_END as u16;
        message::append(&mut self.bytes, kind, 0, last + 1, |buffer| {
            buffer.extend(batch_header());
        });
        Finished {
            bytes: self.bytes,
            last,
            operations: self.operations,
        }
    }
}

impl Finished {
    /// The error for the operation with this sequence number; 0 is the batch itself.
    pub(super) fn refused(&self, sequence: u32, errno: i32, text: Option<String>) -> NftError {
        let operation = self.operation(sequence).map(|(operation, _)| *operation);
        NftError::Refused {
            operation: operation.unwrap_or(Operation::Batch),
            object: self.name(sequence),
            cause: io::Error::from_raw_os_error(errno),
            text,
        }
    }

    /// The name of what the operation with this sequence number is about.
    pub(super) fn name(&self, sequence: u32) -> String {
        self.operation(sequence)
            .map_or_else(|| "a batch".to_owned(), |(_, name)| name.clone())
    }

    fn operation(&self, sequence: u32) -> Option<&(Operation, String)> {
        let index = usize::try_from(sequence).ok()?.checked_sub(1)?;
        self.operations.get(index)
    }
}

/// `struct nfgenmsg`: no family, version 0, and the subsystem that the batch is for, in network byte order.
fn batch_header() -> [u8; 4] {
    [0, 0, 0, libc::NFNL_SUBSYS_NFTABLES as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, flags and sequence number of each message.
    fn heads(bytes: &[u8]) -> Vec<(u16, u16, u32)> {
        let mut rest = bytes;
        let mut heads = Vec::new();
        while let Ok(message) = netlink_packet_core::NetlinkBuffer::new_checked(rest) {
            let kind = message.message_type();
            heads.push((kind, message.flags(), message.sequence_number()));
            rest = &rest[message.length() as usize..];
        }
        assert!(rest.is_empty());
        heads
    }

    #[test]
    fn only_the_last_operation_of_a_batch_is_acknowledged() {
        let mut batch = Batch::new(None);
        batch.add_table(TableFamily::Inet);
        batch.delete_table(TableFamily::Bridge);
        let create = 1 | libc::NLM_F_CREATE as u16;
        let acknowledged = 1 | libc::NLM_F_ACK as u16;
        let wanted = [
            (0x10, 1, 0),
            (0xa00, create, 1),
            (0xa02, acknowledged, 2),
            (0x11, 1, 3),
        ];
        assert_eq!(heads(&batch.finish().bytes), wanted);
    }

    #[test]
    fn a_generation_guards_the_batch() {
        let begin = Batch::new(Some(0x0102_0304)).bytes;
        assert_eq!(begin[16..], [0, 0, 0, 10, 8, 0, 1, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_refusal_names_the_operation_that_was_refused() {
        let mut batch = Batch::new(None);
        batch.add_table(TableFamily::Inet);
        let finished = batch.finish();
        let text = |sequence| finished.refused(sequence, libc::EBUSY, None).to_string();
        assert!(text(1).contains("add table inet wasm-cni"));
        assert!(text(0).contains("send a batch"));
    }
}

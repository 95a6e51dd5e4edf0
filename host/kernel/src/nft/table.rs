use std::fmt;

use super::attribute::Attributes;
use super::batch::{Batch, Message};
use super::error::{Object, Operation};

/// The name of our table in each family.
pub(super) const TABLE: &str = "wasm-cni";

const TABLE_NAME: u16 = 1;

/// A family that we have a table in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableFamily {
    /// IPv4 and IPv6.
    Inet,
    /// Frames that pass a bridge.
    Bridge,
}

impl TableFamily {
    /// Begins a message about an object of our table: `struct nfgenmsg`, and the table's name, which has the same number
    /// for each kind of object (`NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, …).
    pub(super) fn attributes(self, buffer: &mut Vec<u8>) -> Attributes<'_> {
        let number = match self {
            Self::Inet => libc::NFPROTO_INET,
            Self::Bridge => libc::NFPROTO_BRIDGE,
        };
        buffer.extend([number as u8, 0, 0, 0]);
        let mut attributes = Attributes::new(buffer);
        attributes.text(TABLE_NAME, TABLE);
        attributes
    }

    /// An object of our table, as `nft` names it.
    pub(super) fn name(self, kind: &str, name: &str) -> String {
        format!("{kind} {self} {TABLE} {name}")
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Bridge => "bridge",
        })
    }
}

impl Batch {
    /// The family's table is there.
    pub(super) fn add_table(&mut self, family: TableFamily) {
        let operation = Operation::Add(Object::Table);
        self.push_table(
            libc::NFT_MSG_NEWTABLE,
            libc::NLM_F_CREATE,
            operation,
            family,
        );
    }

    /// The family's table is gone, with all that is in it.
    pub(super) fn delete_table(&mut self, family: TableFamily) {
        let operation = Operation::Delete(Object::Table);
        self.push_table(libc::NFT_MSG_DELTABLE, 0, operation, family);
    }

    fn push_table(
        &mut self,
        kind: libc::c_int,
        flags: libc::c_int,
        operation: Operation,
        family: TableFamily,
    ) {
        let name = format!("table {family} {TABLE}");
        self.push(
            Message {
                kind,
                flags,
                family,
                operation,
                name,
            },
            |_| {},
        );
    }
}

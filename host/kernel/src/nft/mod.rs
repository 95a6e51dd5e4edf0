//! netfilter by netlink: masquerade of networks, spoof check of bridge ports, forwarding of the host's ports; flow rules,
//! isolation, passage through the host's own firewall, and what is tracked of the datagrams that these are about.
//!
//! One table in each family. *Shared objects* (table, base chains, a chain with its rules and sets) are made by
//! `ensure_…`, belong to the node and stay when attachments go. An attachment owns *elements of sets* and nothing else, so
//! that adding and forgetting one costs the same at any number of attachments.
//!
//! If others remove our tables (`nft flush ruleset`, the reload of a firewall), the next `ensure_…` makes them again and
//! tells so by [`Base::Created`]; it goes on telling so until [`Nft::restore`] has brought the elements of all live
//! attachments back, even if the caller dies in between.
//!
//! Linux 5.10 or newer: older ones keep no comments of chains, so that every `ensure_…` would make its objects anew.

mod address_key;
mod attribute;
mod batch;
mod chain;
mod comment;
mod connection_state;
mod conntrack;
mod container_elements;
mod element;
mod element_groups;
mod error;
mod expression;
mod firewall;
mod flow;
mod foreign_chain;
mod foreign_ports;
mod foreign_rule;
mod generation;
mod host_firewall;
mod host_firewall_pass;
mod interface_name;
mod interval;
mod ip_header;
mod isolation;
mod loopback_guard;
mod mark;
mod masquerade;
mod message;
mod network;
mod port_forward;
mod restore;
mod rule;
mod section;
mod set;
mod settings;
mod socket;
mod spoof_check;
mod table;
mod verify;

pub use error::{NftError, Object, Operation};
pub use firewall::Firewall;
pub use foreign_ports::ForeignPort;
pub use host_firewall::{FIREWALL_MARK, ForwardFilter};

use batch::Batch;
use element::Element;
use section::{Section, Standing, current_generation, was_overtaken};
use set::Set;
use socket::Connection;
use table::TableFamily;

/// So often a change is tried that others overtake. Each time at least one of them came through.
const ATTEMPTS: u32 = 100;

/// What an `ensure_…` found of the shared objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "after Created the elements of every live attachment must be restored"]
pub enum Base {
    /// All are there, and so are the elements of all attachments.
    Present,
    /// They were made just now, or after a loss that [`Nft::restore`] has not made good yet: elements of attachments that
    /// live already may be missing.
    Created,
}

impl Base {
    /// Of two sections: what is missing of one is missing.
    fn and(self, other: Self) -> Self {
        Self::of(self == Self::Created || other == Self::Created)
    }

    fn of(incomplete: bool) -> Self {
        if incomplete {
            Self::Created
        } else {
            Self::Present
        }
    }
}

/// A connection to nftables.
#[derive(Debug)]
pub struct Nft {
    connection: Connection,
}

impl Nft {
    /// Opens a netlink socket in the calling thread's network namespace. It stays there, whatever the thread does later.
    ///
    /// # Errors
    /// The socket cannot be opened.
    pub fn open() -> Result<Self, NftError> {
        Ok(Self {
            connection: Connection::open()?,
        })
    }

    /// Removes our tables with everything in them, and our rules in chains of others. Tells whether there was any.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn purge(&mut self) -> Result<bool, NftError> {
        let mut found = false;
        for family in [TableFamily::Inet, TableFamily::Bridge] {
            let mut batch = Batch::new(None);
            batch.delete_table(family);
            found |= self.unless_missing(batch)?;
        }
        found |= self.remove_host_firewall_accept()?;
        Ok(found)
    }

    fn ensure(&mut self, section: &Section) -> Result<Base, NftError> {
        if let Standing::Whole {
            incomplete,
            outdated: false,
        } = section.standing(&mut self.connection)?
        {
            return Ok(Base::of(incomplete));
        }
        for _ in 0..ATTEMPTS {
            match self.ensure_once(section) {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: section.chain.display(),
            attempts: ATTEMPTS,
        })
    }

    fn ensure_once(&mut self, section: &Section) -> Result<Base, NftError> {
        let generation = current_generation(&mut self.connection)?;
        let standing = section.standing(&mut self.connection)?;
        let incomplete = match standing {
            Standing::Missing | Standing::Damaged => true,
            Standing::Whole {
                incomplete,
                outdated,
            } => {
                if !outdated || section.is_up_to_date(&mut self.connection)? {
                    return Ok(Base::of(incomplete));
                }
                incomplete
            }
        };
        // The exclusive creation of a missing chain needs no other guard, and so cannot be overtaken for ever.
        let mut batch = Batch::new((standing != Standing::Missing).then_some(generation));
        section.make(&mut self.connection, &mut batch, standing, incomplete)?;
        self.connection.commit(batch)?;
        Ok(Base::of(incomplete))
    }

    /// Removes the elements; tells whether any was there.
    fn forget(&mut self, elements: &[(Set, Element)]) -> Result<bool, NftError> {
        let delete = |elements: &[(Set, Element)]| {
            let mut batch = Batch::new(None);
            for (set, element) in elements {
                batch.delete_elements(set, std::slice::from_ref(element));
            }
            batch
        };
        if elements.is_empty() {
            return Ok(false);
        }
        if self.unless_missing(delete(elements))? {
            return Ok(true);
        }
        // One that is missing makes the whole batch fail.
        let mut found = false;
        for element in elements {
            found |= self.unless_missing(delete(std::slice::from_ref(element)))?;
        }
        Ok(found)
    }

    /// Commits; tells whether all that was to be removed was there.
    fn unless_missing(&mut self, batch: Batch) -> Result<bool, NftError> {
        match self.connection.commit(batch) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

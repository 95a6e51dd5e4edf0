use plan::{MacAddress, Mismatch, Step, Undo, VethTrace};

use crate::KernelError;

/// What a transaction drives. [`crate::Linux`] is the real one; tests of callers bring a model of their own.
pub trait Kernel {
    /// Does one step. A step that fails may have been done in part; its undo takes that back.
    ///
    /// # Errors
    /// What the kernel refused, with the object's name.
    fn perform(&mut self, step: &Step) -> Result<Performed, KernelError>;

    /// Takes one step back, only where the object's identity is the recorded one. Repeats are harmless.
    ///
    /// # Errors
    /// What the kernel refused; the object may still be there.
    fn undo(&mut self, undo: &Undo) -> Result<Undone, KernelError>;

    /// Takes steps back in this order, past errors, with the outcome of each. `group` is that of the links of one attachment
    /// (`IFLA_GROUP`), which a kernel may delete all at once.
    fn undo_all(&mut self, undos: &[&Undo], group: u32) -> Vec<Result<Undone, KernelError>> {
        let _ = group;
        undos.iter().map(|undo| self.undo(undo)).collect()
    }

    /// What is missing or different of what a step made (CNI CHECK). Empty means that all is as it was made.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    fn verify(&mut self, step: &Step) -> Result<Vec<Mismatch>, KernelError>;

    /// Is the object that this would delete still there? By the same evidence as [`Kernel::undo`], changing nothing.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    fn presence(&mut self, undo: &Undo) -> Result<Presence, KernelError>;
}

/// What a step did, as far as others need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Performed {
    /// The links that it made or found, for the CNI result's `interfaces`.
    pub links: Vec<LinkFact>,
    /// Our nftables table was missing and was made anew, so the elements of every other live attachment are missing
    /// too: restore them with [`crate::Linux::restore_firewall`].
    pub firewall_recreated: bool,
}

impl Performed {
    pub(crate) fn links(links: impl Into<Vec<LinkFact>>) -> Self {
        Self {
            links: links.into(),
            firewall_recreated: false,
        }
    }
}

/// A link as the CNI result shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFact {
    /// Its name.
    pub name: String,
    /// Its Ethernet address; None where it has none.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
    /// Where it is.
    pub side: Side,
    /// By what the undo of a veth finds it whatever becomes of its name and address.
    pub trace: Option<VethTrace>,
}

/// Where a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In the namespace of the caller.
    Host,
    /// In the container's namespace.
    Container,
}

/// How an undo went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// The object was ours and is gone now.
    Done,
    /// It was gone before.
    AlreadyGone,
    /// Something else has its name now. It was left alone, and ours is gone.
    NotOurs {
        /// What is there.
        found: String,
    },
    /// Nothing proves that it is gone: its addresses must not be handed out again.
    Unknown {
        /// What stands in the way of a proof.
        why: String,
    },
}

/// Is an object there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is, with the recorded identity.
    Present,
    /// The kernel says that it is not.
    Gone,
    /// Nothing proves either.
    Unknown,
}

//! What an attachment's plugins were shown, what they asked for and what followed from it: one picture for what would
//! happen ([`crate::dry_run`]) and for what did ([`of_record`]).
//!
//! Words and data stand side by side: the words are for people, the data has the form that records have.

mod exchange;
mod picture;
mod recorded;
mod replay;

pub use picture::{
    AskedFor, Entry, EntryRole, Exchange, Part, PartKind, Picture, PlannedStep, Replay, TakenBack,
};
pub use recorded::of_record;

pub(crate) use replay::replay;

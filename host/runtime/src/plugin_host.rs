//! What a plugin may ask of the host and is told by it: the traits of `engine`, over `store`.

mod attachment_info;
mod leases;
mod storage;
mod words;

pub(crate) use attachment_info::{info, nobody};
pub(crate) use leases::Leases;
pub(crate) use storage::{PluginStorage, changes, overlay};
pub(crate) use words::LoggedWords;

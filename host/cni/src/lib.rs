//! The CNI protocol: verbs, environment, configuration, results of every spec version, error codes.
//!
//! This crate is pure. It reads no file, no environment variable and no clock, and it touches no
//! kernel object: the caller hands it the variables and the bytes of standard input, and prints
//! what it returns. Every rule comes from the CNI specification 1.1.0 and, where the text is silent
//! or contradicts itself, from what the reference library does; such places say so.
//!
//! Where to begin:
//! - [`request::Request`] is one call by the runtime, checked: each verb with exactly its fields.
//! - [`config::NetworkConfig`] is the network as the operator wrote it and the runtime completed it.
//! - [`result::CniResult`] is what an ADD returns; [`convert`] reads and writes it in every version.
//! - [`error::ErrorObject`] is what a failed call prints.

pub mod about;
pub mod address_request;
pub mod arguments;
pub mod attachment;
pub mod config;
pub mod convert;
pub mod delegate;
pub mod drop_in;
pub mod environment;
pub mod error;
mod excerpt;
pub mod ids;
mod lenient;
pub mod mac;
pub mod pod;
pub mod request;
pub mod result;
pub mod role;
pub mod trace;
pub mod verb;
pub mod version;
pub mod version_report;

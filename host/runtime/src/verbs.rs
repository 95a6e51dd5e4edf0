//! One file a verb. Each gets a checked request and says what happened.

mod add;
mod check;
mod del;
mod expectation;
mod gc;
mod link;
mod status;
mod superseded;

use cni::attachment::Attachment as RequestedAttachment;
use cni::request::Call;
use plan::Attachment;

use crate::failure::{Cause, Failure};

pub(crate) use add::add;
pub(crate) use check::check;
pub(crate) use del::del;
pub(crate) use gc::gc;
pub(crate) use link::parse as parse_link;
pub(crate) use status::status;

pub(crate) fn key(attachment: &RequestedAttachment) -> Attachment {
    Attachment {
        network: attachment.network.to_string(),
        container_id: attachment.container_id.to_string(),
        interface_name: attachment.interface_name.to_string(),
    }
}

/// Says which attachment a cause is about.
fn about<T>(attachment: &Attachment, outcome: Result<T, Cause>) -> Result<T, Failure> {
    outcome.map_err(|cause| Failure {
        network: None,
        attachment: Some(attachment.clone()),
        cause: Box::new(cause),
    })
}

/// Says which network a cause is about.
fn about_network<T>(call: &Call, outcome: Result<T, Cause>) -> Result<T, Failure> {
    let network = Some(call.config.name.to_string());
    outcome.map_err(|cause| Failure {
        network,
        attachment: None,
        cause: Box::new(cause),
    })
}

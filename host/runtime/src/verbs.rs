//! One file a verb. Each gets a checked request and says what happened.

mod add;
mod check;
mod del;
mod expectation;
mod gc;
mod link;
mod lock;
mod status;
mod superseded;

use cni::attachment::Attachment as RequestedAttachment;
use plan::Attachment;

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

use plan::ChangeKind;

use crate::grants::Grant;
use crate::outcome::{Malformed, Misuse, Resource};
use crate::services::ServiceError;

/// Why the host ended a call: travels through wasmtime as an error and is recognised by its type.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Breach {
    #[error("the deadline has passed")]
    Deadline,
    #[error("{wanted} of {resource} wanted")]
    Resource {
        resource: Resource,
        wanted: u64,
        limit: u64,
    },
    #[error("too many calls of the host")]
    HostCalls,
    #[error("too many bytes handed to the host")]
    HostCallBytes,
    #[error("no grant `{grant}`")]
    Ungranted { wanted: String, grant: Grant },
    #[error("too many changes")]
    Changes,
    #[error("`{kind}`: {source}")]
    Change { kind: ChangeKind, source: Malformed },
    #[error(transparent)]
    Misuse(#[from] Misuse),
    #[error("{0}")]
    Service(ServiceError),
}

use serde::{Deserialize, Serialize};

/// What names a network namespace.
///
/// A path is never evidence of identity: it can vanish while the namespace lives, and be reused for another. The cookie
/// is unique until the next boot (`SO_NETNS_COOKIE`); the nsid lets the host ask about links inside when the path is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetnsIdentity {
    /// `SO_NETNS_COOKIE` of a socket opened in the namespace.
    pub cookie: u64,
    /// The path that the runtime gave.
    pub path: String,
    /// The id under which the host's namespace knows it (`RTM_NEWNSID`), where one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsid: Option<i32>,
}

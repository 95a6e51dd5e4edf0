use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::services::{AddressRange, Scope, UsageCount};
use crate::text;

/// Of a value, in bytes, and of ranges: enough to recognise them.
const SHOWN_OF_VALUE: usize = 64;
const SHOWN_RANGES: usize = 4;

/// A question of the plugin and what the host told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostAnswer {
    /// What it asked.
    #[serde(flatten)]
    pub question: Question,
    /// What it was told.
    pub answer: Answer,
}

/// What a plugin asks of leases and storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase")]
pub enum Question {
    /// `leases.reserve`.
    Reserve {
        /// The address.
        address: IpAddr,
    },
    /// `leases.reserve-next`.
    ReserveNext {
        /// Where to look.
        ranges: Vec<AddressRange>,
        /// Where to begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<IpAddr>,
    },
    /// `leases.last-reserved`.
    LastReserved {
        /// Where to look.
        ranges: Vec<AddressRange>,
    },
    /// `leases.held`.
    Held,
    /// `leases.release`.
    Release {
        /// The address.
        address: IpAddr,
    },
    /// `leases.usage`.
    Usage {
        /// What is counted.
        ranges: Vec<AddressRange>,
    },
    /// `storage.get`.
    Get {
        /// The scope.
        scope: Scope,
        /// The key.
        key: String,
    },
    /// `storage.set`.
    Set {
        /// The scope.
        scope: Scope,
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
    },
    /// `storage.delete`.
    Delete {
        /// The scope.
        scope: Scope,
        /// The key.
        key: String,
    },
    /// `storage.count`.
    Count {
        /// The scope.
        scope: Scope,
        /// The beginning of the keys.
        prefix: String,
    },
}

/// What the host tells a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is done.
    Done,
    /// An address, or that there is none.
    Address(Option<IpAddr>),
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// Was there something to release?
    Released(bool),
    /// How full ranges are.
    Usage(UsageCount),
    /// A value, or that there is none.
    Value(Option<Bytes>),
    /// How many keys there are.
    Count(u64),
    /// It is not done.
    Refused(Refusal),
}

/// Why the host does not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Another attachment holds the address: which.
    Taken(String),
    /// The address is outside of what the operator configured.
    OutsideRanges,
    /// No address is left.
    Exhausted,
    /// The attachment may hold no more addresses.
    TooMany,
    /// The storage quota is used up.
    QuotaExceeded,
    /// The call may only read.
    ReadOnly,
    /// The host's store failed: how.
    Unavailable(String),
}

/// A stored value: in JSON a text if it is UTF-8, otherwise a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Bytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Numbers(Vec<u8>),
}

impl From<Bytes> for Form {
    fn from(bytes: Bytes) -> Self {
        match String::from_utf8(bytes.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Numbers(error.into_bytes()),
        }
    }
}

impl From<Form> for Bytes {
    fn from(form: Form) -> Self {
        match form {
            Form::Text(text) => Self(text.into_bytes()),
            Form::Numbers(bytes) => Self(bytes),
        }
    }
}

impl Question {
    /// Bytes as it lies in memory, texts and lists included.
    pub(super) fn size(&self) -> usize {
        let behind = match self {
            Self::ReserveNext { ranges, .. }
            | Self::LastReserved { ranges }
            | Self::Usage { ranges } => size_of_val(ranges.as_slice()),
            Self::Get { key, .. } | Self::Delete { key, .. } | Self::Count { prefix: key, .. } => {
                key.len()
            }
            Self::Set { key, value, .. } => key.len().saturating_add(value.0.len()),
            Self::Reserve { .. } | Self::Held | Self::Release { .. } => 0,
        };
        behind.saturating_add(size_of::<HostAnswer>())
    }
}

impl Answer {
    /// Bytes of texts and lists.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Addresses(addresses) => size_of_val(addresses.as_slice()),
            Self::Value(Some(value)) => value.0.len(),
            Self::Refused(Refusal::Taken(text) | Refusal::Unavailable(text)) => text.len(),
            _ => 0,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve { address } => write!(f, "reserve {address}"),
            Self::ReserveNext { ranges, after } => {
                write!(f, "reserve the next address of {}", Ranges(ranges))?;
                after.map_or(Ok(()), |after| write!(f, " behind {after}"))
            }
            Self::LastReserved { ranges } => {
                write!(f, "the last reserved address of {}", Ranges(ranges))
            }
            Self::Held => f.write_str("the held addresses"),
            Self::Release { address } => write!(f, "release {address}"),
            Self::Usage { ranges } => write!(f, "the usage of {}", Ranges(ranges)),
            Self::Get { scope, key } => write!(f, "get {key:?} ({})", scope_name(*scope)),
            Self::Set { scope, key, value } => {
                let value = String::from_utf8_lossy(&value.0);
                let value = text::head(&value, SHOWN_OF_VALUE);
                write!(f, "set {key:?} to {value:?} ({})", scope_name(*scope))
            }
            Self::Delete { scope, key } => write!(f, "delete {key:?} ({})", scope_name(*scope)),
            Self::Count { scope, prefix } => {
                write!(f, "count {prefix:?} ({})", scope_name(*scope))
            }
        }
    }
}

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Attachment => "attachment",
        Scope::Durable => "durable",
    }
}

struct Ranges<'a>(&'a [AddressRange]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, AddressRange { first, last }) in self.0.iter().take(SHOWN_RANGES).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{first} to {last}")?;
        }
        match self.0.len().saturating_sub(SHOWN_RANGES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_stable() {
        let answers = vec![
            HostAnswer {
                question: Question::ReserveNext {
                    ranges: vec![AddressRange {
                        first: "10.1.0.2".parse().unwrap(),
                        last: "10.1.0.254".parse().unwrap(),
                    }],
                    after: None,
                },
                answer: Answer::Address(Some("10.1.0.2".parse().unwrap())),
            },
            HostAnswer {
                question: Question::Set {
                    scope: Scope::Attachment,
                    key: "pod".to_owned(),
                    value: Bytes(vec![0xff, 0]),
                },
                answer: Answer::Refused(Refusal::QuotaExceeded),
            },
            HostAnswer {
                question: Question::Held,
                answer: Answer::Addresses(Vec::new()),
            },
        ];
        let text = r#"[{"ask":"reserveNext","ranges":[{"first":"10.1.0.2","last":"10.1.0.254"}],"answer":{"address":"10.1.0.2"}},{"ask":"set","scope":"attachment","key":"pod","value":[255,0],"answer":{"refused":"quotaExceeded"}},{"ask":"held","answer":{"addresses":[]}}]"#;
        assert_eq!(serde_json::to_string(&answers).unwrap(), text);
        assert_eq!(
            serde_json::from_str::<Vec<HostAnswer>>(text).unwrap(),
            answers
        );
    }

    #[test]
    fn every_value_comes_back() {
        for value in [
            &b""[..],
            b"text",
            b"[1,2]",
            "\u{0}é".as_bytes(),
            b"\xff\x00",
        ] {
            let text = serde_json::to_string(&Bytes(value.to_vec())).unwrap();
            let back: Bytes = serde_json::from_str(&text).unwrap();
            assert_eq!(back.0, value, "{text}");
        }
    }
}

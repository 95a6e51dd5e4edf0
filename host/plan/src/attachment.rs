use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One interface of one container on one network: the unit that CNI adds and deletes.
///
/// CNI lets a runtime attach one container several times, so the key is always all three (CNI 1.1.0, "ADD").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The network's name; no length limit.
    pub network: String,
    /// The container's id; no length limit.
    pub container_id: String,
    /// The interface's name inside the container, at most 15 bytes.
    pub interface_name: String,
}

impl Attachment {
    /// A fixed-size key: SHA-256 over the three parts, each preceded by its length, so that no two attachments share it.
    #[must_use]
    pub fn key(&self) -> AttachmentKey {
        let mut hasher = Sha256::new();
        for part in [&self.network, &self.container_id, &self.interface_name] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        AttachmentKey(hasher.finalize().into())
    }

    /// The name of the host's end of a veth: `veth` and 44 bits of the key, 15 bytes in all.
    #[must_use]
    pub fn host_interface_name(&self) -> String {
        hashed_interface_name("veth", self.key().as_bytes())
    }

    /// The tag of this attachment's network.
    #[must_use]
    pub fn network_tag(&self) -> NetworkTag {
        NetworkTag::of(&self.network)
    }
}

/// A name of 15 bytes, the most that the kernel takes (`IFNAMSIZ`): four letters and 44 bits of a hash.
pub(crate) fn hashed_interface_name(prefix: &str, seed: &[u8]) -> String {
    let digest = Sha256::digest(seed);
    let mut name = String::from(prefix);
    for byte in digest.iter().take(6) {
        name.push_str(&format!("{byte:02x}"));
    }
    name.truncate(15);
    name
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.network, self.container_id, self.interface_name
        )
    }
}

/// The fixed-size key of an [`Attachment`], for stores and locks; displays as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentKey([u8; 32]);

impl AttachmentKey {
    /// The key as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that [`AttachmentKey::as_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttachmentKey({self})")
    }
}

/// 64 bits of the SHA-256 of a network's name: what names kernel objects of a network, since names have no length limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkTag([u8; 8]);

impl NetworkTag {
    /// The tag of the network with this name.
    #[must_use]
    pub fn of(network: &str) -> Self {
        let mut tag = [0; 8];
        for (to, from) in tag.iter_mut().zip(Sha256::digest(network.as_bytes())) {
            *to = from;
        }
        Self(tag)
    }

    /// The tag as bytes, for keys.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The tag that [`NetworkTag::as_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for NetworkTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<NetworkTag> for String {
    fn from(tag: NetworkTag) -> Self {
        tag.to_string()
    }
}

/// A text is not the tag of a network: 16 hexadecimal digits are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a network tag is 16 hexadecimal digits, not {0:?}")]
pub struct NetworkTagError(String);

impl TryFrom<String> for NetworkTag {
    type Error = NetworkTagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = match text.len() {
            16 => u64::from_str_radix(&text, 16).ok(),
            _ => None,
        };
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or(NetworkTagError(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(network: &str, container: &str, interface: &str) -> Attachment {
        Attachment {
            network: network.into(),
            container_id: container.into(),
            interface_name: interface.into(),
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(
            attachment("a", "bc", "eth0").key(),
            attachment("ab", "c", "eth0").key()
        );
    }

    #[test]
    fn host_names_fit_the_kernel_whatever_the_length_of_ids() {
        let long = "x".repeat(4096);
        assert_eq!(
            attachment(&long, &long, "eth0").host_interface_name().len(),
            15
        );
    }

    #[test]
    fn network_tags_survive_being_written() {
        let tag = NetworkTag::of("pods");
        assert_eq!(NetworkTag::try_from(tag.to_string()), Ok(tag));
        assert!(NetworkTag::try_from("pods".to_owned()).is_err());
    }
}

use std::net::IpAddr;

use wasm_cni_guest::{Attachment, Host, Level, Scope, StorageError};

use crate::config::Sticky;

/// The most digits of a StatefulSet pod's number.
const MOST_DIGITS: usize = 10;

/// Where the addresses are kept that an interface of a pod had, under the pod's name. All of it is a hint: what fails here
/// is logged and costs no more than the address.
pub(crate) struct Memory {
    key: String,
}

impl Memory {
    /// None if the pod's addresses are not remembered.
    pub(crate) fn of(sticky: Sticky, attachment: &Attachment) -> Option<Self> {
        let pod = attachment.pod.as_ref()?;
        let remembered = match sticky {
            Sticky::None => false,
            Sticky::StatefulSet => is_numbered(&pod.name),
            Sticky::Pod => true,
        };
        let nameless = pod.namespace.is_empty() || pod.name.is_empty();
        (remembered && !nameless).then(|| Self {
            key: format!(
                "sticky/{}/{}/{}",
                pod.namespace, pod.name, attachment.interface_name
            ),
        })
    }

    /// The addresses that it had last; none if it is new.
    pub(crate) fn recall(&self, host: &impl Host) -> Vec<IpAddr> {
        match host.get(Scope::Durable, &self.key) {
            Ok(value) => {
                let value = value.unwrap_or_default();
                let text = String::from_utf8_lossy(&value);
                text.lines().filter_map(|line| line.parse().ok()).collect()
            }
            Err(error) => {
                self.log("recalled", &error, host);
                Vec::new()
            }
        }
    }

    pub(crate) fn keep(&self, addresses: &[IpAddr], host: &impl Host) {
        let lines: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        if let Err(error) = host.set(Scope::Durable, &self.key, lines.join("\n").as_bytes()) {
            self.log("kept", &error, host);
        }
    }

    fn log(&self, what: &str, error: &StorageError, host: &impl Host) {
        let key = &self.key;
        host.log(
            Level::Warning,
            &format!("{key}: the addresses can't be {what}, so they may differ next time: {error}"),
        );
    }
}

/// Does the name end as those of a StatefulSet's pods do, with `-` and a number without leading zeros?
fn is_numbered(name: &str) -> bool {
    let Some((_, number)) = name.rsplit_once('-') else {
        return false;
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && (1..=MOST_DIGITS).contains(&number.len())
        && (number == "0" || !number.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_names_are_those_of_statefulsets() {
        for name in ["web-0", "web-12", "a-b-7", "web-4294967295"] {
            assert!(is_numbered(name), "{name}");
        }
        for name in [
            "web",
            "web-",
            "web-01",
            "web-x1",
            "7",
            "web-5d9f8-x2k4z",
            "web-12345678901",
        ] {
            assert!(!is_numbered(name), "{name}");
        }
    }
}

use cni::config::NetworkConfig;
use cni::verb::Verb;
use cni::version::SpecVersion;
use plan::{Addressing, Attachment};
use serde_json::Value;

use crate::delegate::{Delegate, DelegateError};
use crate::result::addressing;

/// IPAM by an executable of another vendor (CNI 1.1.0, section 4): it gets the whole configuration as we got it.
#[derive(Clone)]
pub(crate) struct DelegatedIpam {
    delegate: Delegate,
    config: Vec<u8>,
    version: SpecVersion,
}

impl DelegatedIpam {
    pub(super) fn new(delegate: Delegate, config: &NetworkConfig) -> Self {
        let document = Value::Object(config.raw.clone());
        Self {
            delegate,
            config: document.to_string().into_bytes(),
            version: config.cni_version,
        }
    }

    /// ADD. When it fails the delegate's DEL is run, since it may have reserved something (CNI 1.1.0, "ADD").
    pub(crate) fn allocate(&self) -> Result<Addressing, DelegateError> {
        self.ask().inspect_err(|_| {
            // The first failure is what the operator must see.
            let _ = self.forward(Verb::Del);
        })
    }

    /// ADD alone: the caller sees to DEL, whatever comes of it.
    pub(crate) fn ask(&self) -> Result<Addressing, DelegateError> {
        let result = self.delegate.run(Verb::Add, &self.config, self.version)?;
        let addressing = addressing(&result.unwrap_or_default());
        if addressing.addresses.is_empty() {
            return Err(DelegateError::NoAddress {
                executable: self.delegate.executable().to_owned(),
            });
        }
        Ok(addressing)
    }

    /// The same for an attachment that is not the caller's, as DEL for a stale one.
    pub(crate) fn of_attachment(&self, attachment: &Attachment) -> Self {
        Self {
            delegate: self.delegate.for_attachment(attachment),
            ..self.clone()
        }
    }

    /// A verb without a result.
    pub(crate) fn forward(&self, verb: Verb) -> Result<(), DelegateError> {
        self.delegate
            .run(verb, &self.config, self.version)
            .map(|_| ())
    }
}

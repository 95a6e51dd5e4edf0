use std::collections::BTreeMap;

use serde::Deserialize;
use wasm_cni_guest::{Failure, config};

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    max_attachments: Option<u32>,
    #[serde(default)]
    namespaces: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) on_missing_namespace: OnMissingNamespace,
}

/// What becomes of a container without a known namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnMissingNamespace {
    #[default]
    Deny,
    Allow,
}

/// How many attachments a namespace may have, and the key that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) most: u32,
    pub(crate) key: String,
}

impl Quota {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let quota: Self = config::parse_stage(text)?;
        if quota.max_attachments.is_none() && quota.namespaces.is_empty() {
            return Err(Failure::InvalidConfig(
                "maxAttachments: no limit is given; set it, or limits of single namespaces in namespaces".to_owned(),
            ));
        }
        if quota.namespaces.contains_key("") {
            return Err(Failure::InvalidConfig(
                "namespaces: \"\" is no namespace; for containers without one there is onMissingNamespace".to_owned(),
            ));
        }
        Ok(quota)
    }

    /// None: as many as it likes.
    pub(crate) fn limit(&self, namespace: &str) -> Option<Limit> {
        let own = self.namespaces.get(namespace).map(|most| Limit {
            most: *most,
            key: format!("namespaces.{namespace}"),
        });
        own.or_else(|| {
            self.max_attachments.map(|most| Limit {
                most,
                key: "maxAttachments".to_owned(),
            })
        })
    }
}

//! The quota stage: how many attachments a pod namespace may have on this network, on this node.
//!
//! | key | meaning |
//! | --- | --- |
//! | `maxAttachments` | the limit of every namespace that `namespaces` does not name; without it, these have none |
//! | `namespaces` | `{"team-a": 10}`, limits of single namespaces |
//! | `onMissingNamespace` | `deny` (the default) or `allow`: what becomes of a container of which the runtime names no namespace |
//!
//! One of the two limits must be given. 0 keeps a namespace off the network.
//!
//! An attachment counts from its ADD to its DEL, whatever becomes of the pod in between. Attachments that were made before
//! the stage was configured do not count. An ADD beyond the limit is refused, with namespace, limit and what is used.
//!
//! Kubernetes runtimes always name the namespace (`K8S_POD_NAMESPACE` in `CNI_ARGS`). Others do not, so there a quota that
//! shall not refuse everything needs `allow`.

mod config;
mod plugin;

pub use config::Quota;

#[cfg(test)]
mod tests;

//! The Kubernetes pod behind an attachment, where the runtime tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::config::RuntimeConfig;

/// What is known of the pod. Namespace, name and uid come from `CNI_ARGS`, the annotations from the
/// `io.kubernetes.cri.pod-annotations` capability.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: Option<String>,
    /// `K8S_POD_NAME`.
    pub name: Option<String>,
    /// `K8S_POD_UID`, which only newer runtimes send.
    pub uid: Option<String>,
    /// The pod's annotations; empty where the config does not ask for them.
    pub annotations: BTreeMap<String, String>,
}

impl Pod {
    /// The pod, or `None` where nothing at all is known of it.
    pub fn gather(arguments: &Arguments, runtime_config: &RuntimeConfig) -> Option<Self> {
        let pod = Self {
            namespace: arguments.pod_namespace.clone(),
            name: arguments.pod_name.clone(),
            uid: arguments.pod_uid.clone(),
            annotations: runtime_config.pod_annotations.clone(),
        };
        (pod != Self::default()).then_some(pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_needs_at_least_one_known_thing() {
        let nothing = Arguments::default();
        assert_eq!(Pod::gather(&nothing, &RuntimeConfig::default()), None);
        let mut runtime_config = RuntimeConfig::default();
        runtime_config
            .pod_annotations
            .insert("a".into(), "b".into());
        let pod = Pod::gather(&nothing, &runtime_config).unwrap();
        assert_eq!(pod.name, None);
        assert_eq!(pod.annotations["a"], "b");
    }
}

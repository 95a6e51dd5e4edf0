use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a plugin is told about the attachment at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentInfo {
    /// The network's name.
    pub network: String,
    /// The container's id.
    pub container_id: String,
    /// The interface's name inside the container.
    pub interface_name: String,
    /// The pod, if the runtime named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// Particular addresses that the runtime asks for, in the order runtime-config, args, cni-args.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<AddressRequest>,
}

/// The Kubernetes pod that a container belongs to, as far as the runtime told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: String,
    /// `K8S_POD_NAME`.
    pub name: String,
    /// `K8S_POD_UID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The capability `io.kubernetes.cri.pod-annotations`: keys and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<(String, String)>,
}

/// A particular address that the runtime asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressRequest {
    /// The address.
    pub address: IpAddr,
    /// Its network's prefix length in bits, if it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_length: Option<u8>,
    /// Its network's gateway, if it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// By which way it was asked for.
    pub source: RequestSource,
}

/// By which way a particular address was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestSource {
    /// `IP` and `GATEWAY` in the environment variable `CNI_ARGS`.
    CniArgs,
    /// `args.cni.ips` in the network configuration.
    Args,
    /// `runtimeConfig.ips`, the capability `ips`.
    RuntimeConfig,
}

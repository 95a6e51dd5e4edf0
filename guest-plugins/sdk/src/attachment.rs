use std::net::IpAddr;

/// What is attached to what: one interface of one container on one network (WIT `attachment`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The container's id, as the runtime gives it; no limit on its length.
    pub container_id: String,
    /// The interface's name inside the container, at most 15 bytes.
    pub interface_name: String,
    /// The Kubernetes pod, as far as the runtime told.
    pub pod: Option<Pod>,
    /// The particular addresses that the runtime asks for, in the order: runtime config, args, `CNI_ARGS`.
    pub requested_addresses: Vec<AddressRequest>,
}

impl Attachment {
    /// An attachment that asks for nothing in particular.
    #[must_use]
    pub fn new(
        network: impl Into<String>,
        container_id: impl Into<String>,
        interface_name: impl Into<String>,
    ) -> Self {
        Self {
            network: network.into(),
            container_id: container_id.into(),
            interface_name: interface_name.into(),
            pod: None,
            requested_addresses: Vec::new(),
        }
    }

    /// The same attachment, asking for one more address.
    #[must_use]
    pub fn requesting(mut self, request: AddressRequest) -> Self {
        self.requested_addresses.push(request);
        self
    }

    /// The same attachment, as that of a pod.
    #[must_use]
    pub fn of_pod(mut self, pod: Pod) -> Self {
        self.pod = Some(pod);
        self
    }
}

/// The Kubernetes pod that a container belongs to (WIT `pod`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's UID; older runtimes do not tell it.
    pub uid: Option<String>,
    /// Empty unless the network declares the capability `io.kubernetes.cri.pod-annotations`.
    pub annotations: Vec<(String, String)>,
}

impl Pod {
    /// A pod of which no more than its name is known.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            uid: None,
            annotations: Vec::new(),
        }
    }

    /// The same pod with one more annotation.
    #[must_use]
    pub fn annotated(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.push((key.into(), value.into()));
        self
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

/// A particular address that the runtime asks for (WIT `address-request`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRequest {
    /// The address.
    pub address: IpAddr,
    /// In bits, where the request carries one.
    pub prefix_length: Option<u8>,
    /// Only `CNI_ARGS` can carry one.
    pub gateway: Option<IpAddr>,
    /// By which way it was asked for.
    pub source: RequestSource,
}

impl AddressRequest {
    /// A request for one address and nothing more.
    #[must_use]
    pub fn new(address: IpAddr, source: RequestSource) -> Self {
        Self {
            address,
            prefix_length: None,
            gateway: None,
            source,
        }
    }
}

/// By which way a particular address was asked for (WIT `request-source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestSource {
    /// `IP` and `GATEWAY` in the environment variable `CNI_ARGS`.
    CniArgs,
    /// `args.cni.ips` in the network configuration.
    Args,
    /// `runtimeConfig.ips`, the capability `ips`.
    RuntimeConfig,
}

impl RequestSource {
    /// The name by which operators know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CniArgs => "CNI_ARGS",
            Self::Args => "args.cni.ips",
            Self::RuntimeConfig => "runtimeConfig.ips",
        }
    }
}

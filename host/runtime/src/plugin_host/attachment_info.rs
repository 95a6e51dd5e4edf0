use cni::address_request::{AddressRequest, RequestSource};
use cni::pod::Pod;
use engine::AttachmentInfo;
use plan::Attachment;

/// Whose storage and leases a plugin sees that is asked about the network and no attachment.
pub(crate) fn nobody(network: &str) -> Attachment {
    Attachment {
        network: network.into(),
        container_id: String::new(),
        interface_name: String::new(),
    }
}

/// What plugins are told about the attachment.
pub(crate) fn info(
    attachment: &Attachment,
    requested: &[AddressRequest],
    pod: Option<&Pod>,
) -> AttachmentInfo {
    AttachmentInfo {
        network: attachment.network.clone(),
        container_id: attachment.container_id.clone(),
        interface_name: attachment.interface_name.clone(),
        pod: pod.map(|pod| engine::Pod {
            namespace: pod.namespace.clone().unwrap_or_default(),
            name: pod.name.clone().unwrap_or_default(),
            uid: pod.uid.clone(),
            annotations: pod.annotations.clone().into_iter().collect(),
        }),
        requested: requested.iter().map(requested_address).collect(),
    }
}

fn requested_address(request: &AddressRequest) -> engine::AddressRequest {
    engine::AddressRequest {
        address: request.address,
        prefix_length: request.prefix_length,
        gateway: request.gateway,
        source: match request.source {
            RequestSource::CniArgs => engine::RequestSource::CniArgs,
            RequestSource::Args => engine::RequestSource::Args,
            RequestSource::RuntimeConfig => engine::RequestSource::RuntimeConfig,
        },
    }
}

use wasm_cni_guest::{Attachment, Failure, Pod, Policy, PolicyHost, Scope};

use crate::Quota;
use crate::config::OnMissingNamespace;

impl Policy for Quota {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        match &attachment.pod {
            Some(pod) if !pod.namespace.is_empty() => self.count(pod, attachment, host),
            Some(_) | None => {
                if self.on_missing_namespace == OnMissingNamespace::Deny {
                    host.deny(&format!(
                        "the runtime names no namespace for container {}, so nothing says whose quota on network {} it \
                         uses; have the runtime pass K8S_POD_NAMESPACE, or set onMissingNamespace to \"allow\"",
                        attachment.container_id, attachment.network
                    ));
                }
                Ok(())
            }
        }
    }
}

impl Quota {
    /// Refuse the attachment, or count it.
    fn count(
        &self,
        pod: &Pod,
        attachment: &Attachment,
        host: &impl PolicyHost,
    ) -> Result<(), Failure> {
        let namespace = &pod.namespace;
        let key = storage_key(namespace);
        let context = |error| {
            Failure::from(error).context(format_args!("counting namespace \"{namespace}\""))
        };
        let counted = host
            .get(Scope::Attachment, &key)
            .map_err(context)?
            .is_some();
        let used = host.count(Scope::Attachment, &key).map_err(context)?;
        // A repeated ADD finds itself counted.
        let others = used.saturating_sub(u64::from(counted));
        if let Some(limit) = self.limit(namespace)
            && others >= u64::from(limit.most)
        {
            host.deny(&format!(
                "namespace \"{namespace}\" uses {others} of {} attachments on network {}, so pod \"{}\" gets none; \
                 delete pods of the namespace, or raise {}",
                limit.most, attachment.network, pod.name, limit.key
            ));
            return Ok(());
        }
        // Without a limit as well: one may be set while this attachment lives.
        host.set(Scope::Attachment, &key, pod.name.as_bytes())
            .map_err(context)
    }
}

/// The key of every attachment of a namespace, and the prefix by which they are counted. It ends with a character that no
/// namespace in it has, so no namespace's key begins with another's.
fn storage_key(namespace: &str) -> String {
    let escaped = namespace.replace('%', "%25").replace('/', "%2F");
    format!("ns/{escaped}/")
}

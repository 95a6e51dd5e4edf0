use wasm_cni_guest::{Allocation, Attachment, Dns, Failure, Host, Ipam, Pod};

use crate::PoolByNamespace;
use crate::pool::Pool;
use crate::sticky::Memory;

impl Ipam for PoolByNamespace {
    fn configure(text: &str) -> Result<Self, Failure> {
        Self::parse(text)
    }

    fn allocate(
        &self,
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        let (name, pool) = self.pool_of(attachment)?;
        let memory = Memory::of(self.sticky, attachment);
        let remembered = memory
            .as_ref()
            .map_or_else(Vec::new, |memory| memory.recall(host));
        let allocation = pool
            .addresses
            .allocate_preferring(&remembered, attachment, resolver, host)
            .map_err(|failure| failure.context(format_args!("pool {name}")))?;
        if let Some(memory) = memory {
            let given: Vec<_> = allocation
                .addresses
                .iter()
                .map(|address| address.address.addr())
                .collect();
            if given != remembered {
                memory.keep(&given, host);
            }
        }
        Ok(allocation)
    }

    fn status(&self, host: &impl Host) -> Result<(), Failure> {
        // While one pool has addresses left, some pods can be served: one team's full pool is not the node's trouble.
        let mut full = Vec::with_capacity(self.pools.len());
        for (name, pool) in &self.pools {
            match pool.addresses.status(host) {
                Ok(()) => return Ok(()),
                Err(Failure::Exhausted(text)) => full.push(format!("pool {name}: {text}")),
                Err(failure) => return Err(failure.context(format_args!("pool {name}"))),
            }
        }
        Err(Failure::Exhausted(full.join("; ")))
    }
}

impl PoolByNamespace {
    /// The pool from which this attachment gets its addresses.
    fn pool_of(&self, attachment: &Attachment) -> Result<(&str, &Pool), Failure> {
        let pod = attachment.pod.as_ref();
        let by_namespace = pod.and_then(|pod| self.namespaces.get(&pod.namespace));
        let name = match pod.and_then(|pod| self.annotated(pod)) {
            Some((pod, name)) => {
                self.check_annotated(pod, name, by_namespace)?;
                name
            }
            None => match by_namespace.or(self.default.as_ref()) {
                Some(name) => name,
                None => return Err(Failure::Denied(self.nothing_for(attachment))),
            },
        };
        match self.pools.get_key_value(name) {
            Some((name, pool)) => Ok((name, pool)),
            None => Err(Failure::Denied(format!("there is no pool {name}"))),
        }
    }

    /// The pool that the pod's annotation names.
    fn annotated<'pod>(&self, pod: &'pod Pod) -> Option<(&'pod Pod, &'pod str)> {
        let name = pod.annotation(self.annotation.as_ref()?)?;
        Some((pod, name))
    }

    fn check_annotated(
        &self,
        pod: &Pod,
        name: &str,
        by_namespace: Option<&String>,
    ) -> Result<(), Failure> {
        let annotation = self.annotation.as_deref().unwrap_or_default();
        let place = || {
            format!(
                "annotation {annotation} of pod {}/{} names pool \"{name}\"",
                pod.namespace, pod.name
            )
        };
        match self.pools.get(name) {
            None => {
                let names: Vec<&str> = self.pools.keys().map(String::as_str).collect();
                Err(Failure::Denied(format!(
                    "{}, which is none of this network's: {}",
                    place(),
                    names.join(", ")
                )))
            }
            Some(pool) if pool.exclusive && by_namespace.is_none_or(|own| own != name) => {
                Err(Failure::Denied(format!(
                    "{}, which is for other namespaces; leave the annotation out, or give the pool to the namespace in \
                     ipam.namespaces",
                    place()
                )))
            }
            Some(_) => Ok(()),
        }
    }

    fn nothing_for(&self, attachment: &Attachment) -> String {
        let who = match &attachment.pod {
            Some(pod) if !pod.namespace.is_empty() => format!("namespace \"{}\"", pod.namespace),
            Some(_) | None => format!(
                "container {}, whose namespace the runtime does not name,",
                attachment.container_id
            ),
        };
        format!(
            "{who} has no pool on network {}; name one in ipam.namespaces or ipam.default",
            attachment.network
        )
    }
}

//! The attachment that a command names, with all that a chain needs to run on it.

use std::path::Path;

use anyhow::Context;
use cni::attachment::Attachment;
use cni::ids::NetworkName;

use super::cache::{Cache, Entry};
use super::chain::Chain;
use super::conflist::Network;
use super::container;
use super::exec::{SearchPath, Variables};
use super::locate;
use super::request::Additions;
use crate::cli::{AttachmentArgs, Places};

/// An attachment of this tool, or one that shall be deleted without being known.
#[derive(Debug)]
pub(crate) struct Target {
    /// What is known of it.
    pub(crate) entry: Entry,
    /// Its network.
    pub(crate) network: Network,
    /// Where plugins are.
    pub(crate) path: SearchPath,
}

impl Target {
    /// The attachment as its ADD left it; where nothing is kept of it, as the command line and the
    /// configuration directory describe it.
    ///
    /// # Errors
    /// When neither knows the network, or what is kept can't be used.
    pub(crate) fn find(
        network: &str,
        netns: Option<&str>,
        wanted: &AttachmentArgs,
        places: &Places,
        cache: &Cache,
    ) -> anyhow::Result<Self> {
        let netns = netns.map(container::netns_path);
        let container_id = match (&wanted.container_id, &netns) {
            (Some(id), _) => id.clone(),
            (None, Some(netns)) => container::container_id(netns)?,
            (None, None) => anyhow::bail!("give the namespace or --container-id"),
        };
        let path = SearchPath::parse(&places.cni_path);
        let on_disk = locate::network(network, &places.conf_dir);
        let name = match &on_disk {
            Ok(found) => found.name.clone(),
            // DEL works though the file is gone; the name alone leads to what ADD left.
            Err(_) => match network.parse::<NetworkName>() {
                Ok(name) => name,
                Err(_) => return Err(on_disk.err().unwrap_or_else(|| anyhow::anyhow!("unknown"))),
            },
        };
        let interface_name = wanted.ifname.clone();
        let attachment = Attachment {
            network: name,
            container_id,
            interface_name,
        };
        if let Some(mut entry) = cache.get(&attachment)? {
            let network = Network::from_json(entry.network_config.clone())
                .context("the network that ADD kept can't be used")?;
            entry.netns = netns.unwrap_or(entry.netns);
            return Ok(Self {
                entry,
                network,
                path,
            });
        }
        let network = on_disk?;
        let netns = netns.unwrap_or_default();
        let entry = Entry::begun(attachment, netns, network.to_json());
        Ok(Self {
            entry,
            network,
            path,
        })
    }

    /// The chain that runs on it.
    pub(crate) fn chain(&self) -> Chain<'_> {
        chain(&self.entry, &self.network, &self.path)
    }
}

/// The chain of a network for one attachment.
pub(crate) fn chain<'a>(entry: &'a Entry, network: &'a Network, path: &'a SearchPath) -> Chain<'a> {
    let Attachment {
        container_id,
        interface_name,
        ..
    } = &entry.attachment;
    Chain {
        network,
        path,
        variables: Variables {
            attachment: Some((container_id, interface_name)),
            netns: present(&entry.netns),
            arguments: entry.arguments.as_deref(),
        },
        additions: Additions {
            capability_arguments: Some(&entry.capability_arguments),
            cni_args: entry.cni_args.as_ref(),
            ..Additions::default()
        },
    }
}

fn present(netns: &Path) -> Option<&Path> {
    (!netns.as_os_str().is_empty()).then_some(netns)
}

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use plan::MacAddress;

use super::Linux;
use super::tagged::is_link_local;
use crate::netlink::LinkState;
use crate::netns::open_namespace;
use crate::{KernelError, NetnsError};

/// Where runtimes mount the namespaces of their containers.
const MOUNTS: &str = "/run/netns";

/// Interfaces of other namespaces than the host's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteInterfaces {
    /// Those that have an address that is not link-local.
    pub interfaces: Vec<RemoteInterface>,
    /// Namespaces that could not be looked into, in words. Where there is one, that an address is not in the list says
    /// nothing.
    pub unseen: Vec<String>,
}

/// An interface of another namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteInterface {
    /// Its namespace, as the host's knows it.
    pub nsid: i32,
    /// Its index there.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `IFLA_INFO_KIND`; empty for physical devices.
    pub kind: String,
    /// Its Ethernet address; None for links that have none.
    pub mac: Option<MacAddress>,
    /// Its addresses, without link-local ones.
    pub addresses: Vec<IpNet>,
    /// The other end of a veth, where that is on the host.
    pub host_end: Option<VethHostEnd>,
}

/// The end on the host of a container's veth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethHostEnd {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
}

impl Linux {
    /// Every interface with addresses in every namespace that can be found: by the host's end of a veth, by a process that
    /// is inside, or by the place where runtimes mount them. Those without an id are given one. Reads all processes and
    /// all links, so it is not for every call.
    ///
    /// # Errors
    /// When the kernel can't be asked.
    pub fn remote_interfaces(&self) -> Result<RemoteInterfaces, KernelError> {
        let mut found = RemoteInterfaces::default();
        self.name_namespaces(&mut found.unseen)?;
        // A dump gives an id to the namespace of each veth's other end.
        let host = self.host.links(None);
        let host = host.map_err(|refusal| refusal.when("reading the host's links"))?;
        let nsids = self.host.nsids();
        for nsid in nsids.map_err(|refusal| refusal.when("reading the namespaces' ids"))? {
            // A namespace that dies meanwhile has no links any more.
            for link in self.host.links(Some(nsid)).unwrap_or_default() {
                let Ok(states) = self.host.addresses(link.index, Some(nsid)) else {
                    continue;
                };
                let addresses: Vec<IpNet> = states
                    .iter()
                    .map(|state| state.address)
                    .filter(|address| {
                        !is_link_local(address.addr()) && !address.addr().is_loopback()
                    })
                    .collect();
                if addresses.is_empty() {
                    continue;
                }
                found.interfaces.push(RemoteInterface {
                    host_end: host_end(&host, link.index, nsid),
                    nsid,
                    index: link.index,
                    name: link.name,
                    kind: link.kind,
                    mac: link.mac,
                    addresses,
                });
            }
        }
        Ok(found)
    }

    fn name_namespaces(&self, unseen: &mut Vec<String>) -> Result<(), KernelError> {
        let failed = |source| KernelError::Io {
            doing: "looking for network namespaces",
            source,
        };
        let own = fs::metadata("/proc/thread-self/ns/net").map_err(failed)?;
        let mut known = BTreeSet::from([(own.dev(), own.ino())]);
        // Held open, so that no number is given to another one meanwhile.
        let mut open: Vec<File> = Vec::new();
        for path in namespace_paths().map_err(failed)? {
            match open_namespace(&path) {
                Ok(file) => {
                    let identity = file.metadata().map_err(failed)?;
                    if known.insert((identity.dev(), identity.ino())) {
                        open.push(file);
                    }
                }
                // The process has ended, or it is a name whose namespace was unmounted.
                Err(NetnsError::NotFound { .. } | NetnsError::NotANamespace { .. }) => {}
                Err(NetnsError::Io { source, .. })
                    if source.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => unseen.push(error.to_string()),
            }
        }
        for file in open {
            if let Err(refusal) = self.host.assign_nsid(file.as_raw_fd()) {
                unseen.push(refusal.when("giving a namespace an id").to_string());
            }
        }
        Ok(())
    }
}

fn host_end(host: &[LinkState], peer: u32, nsid: i32) -> Option<VethHostEnd> {
    let link = host.iter().find(|link| {
        link.kind == "veth" && link.lower == Some(peer) && link.lower_nsid == Some(nsid)
    })?;
    Some(VethHostEnd {
        index: link.index,
        name: link.name.clone(),
        mac: link.mac?,
    })
}

fn namespace_paths() -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for process in fs::read_dir("/proc")? {
        let process = process?;
        let name = process.file_name();
        let is_process = name
            .to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if is_process {
            paths.push(process.path().join("ns/net"));
        }
    }
    match fs::read_dir(Path::new(MOUNTS)) {
        Ok(entries) => {
            for entry in entries {
                paths.push(entry?.path());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veths_end_on_the_host_is_found_by_peer_and_namespace() {
        let veth = |name: &str, lower, lower_nsid| LinkState {
            name: name.into(),
            kind: "veth".into(),
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            lower: Some(lower),
            lower_nsid,
            ..LinkState::default()
        };
        let host = [
            veth("own", 3, None),
            veth("other", 3, Some(1)),
            veth("right", 3, Some(0)),
        ];
        assert_eq!(host_end(&host, 3, 0).unwrap().name, "right");
        assert_eq!(host_end(&host, 4, 0), None);
    }
}

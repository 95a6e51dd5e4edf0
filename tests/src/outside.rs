use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Node, Pod};

/// The node's end of the veth that leads outside.
pub(crate) const UPLINK: &str = "uplink0";

/// What lies behind a node's uplink: a namespace that knows the node's own addresses and no way back to any pod, so an
/// answer from it proves masquerade.
#[derive(Debug)]
pub struct Outside<'a> {
    pod: Pod<'a>,
}

impl<'a> Outside<'a> {
    /// Its IPv4 address.
    pub const IPV4: &'static str = "192.0.2.2";
    /// Its IPv6 address.
    pub const IPV6: &'static str = "2001:db8::2";
    /// The node's IPv4 address on the uplink.
    pub const NODE_IPV4: &'static str = "192.0.2.1";
    /// The node's IPv6 address on the uplink.
    pub const NODE_IPV6: &'static str = "2001:db8::1";

    /// Connects a namespace with the node; the node's default routes lead there.
    ///
    /// # Errors
    /// When that fails.
    pub fn connect(node: &'a Node) -> Result<Self> {
        let pod = node.pod("outside")?;
        node.ok(&[
            "ip", "link", "add", UPLINK, "type", "veth", "peer", "name", "eth0", "netns", "outside",
        ])?;
        for (prefix, node_address, outside) in [
            ("/24", Self::NODE_IPV4, Self::IPV4),
            ("/64", Self::NODE_IPV6, Self::IPV6),
        ] {
            let here = format!("{node_address}{prefix}");
            let there = format!("{outside}{prefix}");
            add_address(|argv| node.ok(argv), &here, UPLINK)?;
            add_address(|argv| pod.ok(argv), &there, "eth0")?;
        }
        node.ok(&["ip", "link", "set", UPLINK, "up"])?;
        pod.ok(&["ip", "link", "set", "eth0", "up"])?;
        node.ok(&["ip", "route", "add", "default", "via", Self::IPV4])?;
        node.ok(&["ip", "-6", "route", "add", "default", "via", Self::IPV6])?;
        Ok(Self { pod })
    }

    /// The namespace itself.
    #[must_use]
    pub fn pod(&self) -> &Pod<'a> {
        &self.pod
    }

    /// Sends a datagram from a pod to this address outside; the source address that arrives, None when none arrives.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn source_seen_from(&self, pod: &Pod<'_>, address: &str) -> Result<Option<IpAddr>> {
        let address: IpAddr = address.parse()?;
        let server = self
            .pod
            .inside(|| Ok(UdpSocket::bind(SocketAddr::new(address, 0))?))?;
        server.set_read_timeout(Some(Duration::from_secs(5)))?;
        let target = server.local_addr()?;
        pod.inside(|| {
            let any = if address.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            UdpSocket::bind(any)?
                .send_to(b"hello", target)
                .context("send")
        })?;
        let mut buffer = [0; 16];
        match server.recv_from(&mut buffer) {
            Ok((_, source)) => Ok(Some(source.ip())),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn add_address(run: impl Fn(&[&str]) -> Result<String>, address: &str, link: &str) -> Result<()> {
    let mut argv = vec!["ip", "address", "add", address, "dev", link];
    if address.contains(':') {
        argv.push("nodad");
    }
    run(&argv).map(drop)
}

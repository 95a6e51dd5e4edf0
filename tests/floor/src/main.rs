//! What the kernel alone takes for an attachment to a bridge: a veth pair, an address and a default route, by as few
//! netlink messages as there can be, in a fresh process. No configuration, no state, no check, no undo.
//!
//! It is called as a CNI plugin is. `FLOOR_BRIDGE` names a bridge that is there, `FLOOR_ADDRESS` the container's IPv4
//! address in a /16, `FLOOR_GATEWAY` the bridge's.

mod message;
mod socket;

use std::env;
use std::fs::File;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

use message::HostEnd;
use socket::Socket;

fn main() -> Result<()> {
    let host_end = HostEnd::of_container(&variable("CNI_CONTAINERID")?);
    match variable("CNI_COMMAND")?.as_str() {
        "ADD" => add(&host_end),
        "DEL" => Socket::open()?.send(&[message::delete(&host_end)]),
        other => bail!("{other} is not measured"),
    }
}

fn add(host_end: &HostEnd) -> Result<()> {
    let path = variable("CNI_NETNS")?;
    let netns = File::open(&path).context(path)?;
    let interface = variable("CNI_IFNAME")?;
    let mut host = Socket::open()?;
    let bridge = host.link_index(&variable("FLOOR_BRIDGE")?)?;
    host.send(&[message::veth(host_end, bridge, &interface, &netns)])?;
    setns(&netns, CloneFlags::CLONE_NEWNET)?;
    let mut container = Socket::open()?;
    let index = container.link_index(&interface)?;
    container.send(&[
        message::address(index, address("FLOOR_ADDRESS")?),
        message::set_up(index),
        message::default_route(address("FLOOR_GATEWAY")?),
    ])
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| name.to_owned())
}

fn address(name: &str) -> Result<Ipv4Addr> {
    variable(name)?.parse().with_context(|| name.to_owned())
}

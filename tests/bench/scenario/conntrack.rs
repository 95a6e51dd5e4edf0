//! A UDP port comes and goes; the kernel may track many connections that have nothing to do with it.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Extent;
use crate::attached::Container;
use crate::figure::{Figures, Side};
use crate::pace;
use crate::subject::{Sides, forwarding, stage};

const CONNECTIONS: u32 = 100_000;

pub(super) fn measure(sides: &Sides<'_>, extent: &Extent, figures: &mut Figures) -> Result<()> {
    let chain = sides.chain("conntrack", json!([stage("portmap", &json!({}))]));
    let subject = forwarding(chain, 1, "udp");
    // The kernel tracks connections while there is a rule that wants it: this one stays.
    let tracked = Container::make("tracked", 1)?;
    let attached = tracked.attach(&subject)?;
    for (scenario, connections) in [
        ("UDP port, no connections", 0),
        ("UDP port, 100,000 connections", CONNECTIONS),
    ] {
        track(connections)?;
        pace::alone(&subject, extent.rounds)?.note(figures, scenario, Side::Ours);
    }
    attached.detach()?;
    tracked.delete()
}

/// A datagram to each of so many addresses of the loopback.
fn track(connections: u32) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 0));
    for number in 0..connections {
        // Nobody listens; what is refused is tracked as well.
        let _ = socket.send_to(b"x", (Ipv4Addr::from(first + number), 9));
    }
    let count = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count")
        .context("connections are not tracked")?;
    let count: u32 = count.trim().parse()?;
    ensure!(
        count >= connections / 10 * 9,
        "{count} connections are tracked instead of {connections}: is net.netfilter.nf_conntrack_max too low?"
    );
    Ok(())
}

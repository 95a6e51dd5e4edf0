use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;
use plan::{DeviceMove, DeviceState, NetnsIdentity};
use rtnetlink::LinkUnspec;

use super::{Linux, find, find_required};
use crate::linux::{set, undo::reopen};
use crate::netlink::{LinkState, RouteSocket};
use crate::{KernelError, Netns, Place, Presence, Undone};

/// How often, and how far apart, the host is asked for a device that comes back from a dying namespace.
const HOMECOMING_ATTEMPTS: u32 = 100;
const HOMECOMING_PAUSE: Duration = Duration::from_millis(20);

/// Where a device is that went into a container.
enum Whereabouts {
    /// There, with the namespace where its path led to it.
    Inside(LinkState, Option<Netns>),
    /// On the host, with a name or alias that is not its own yet.
    Home(LinkState),
    /// Neither in the container nor to be mended on the host.
    Settled {
        /// The container's namespace is no more.
        namespace_is_dead: bool,
    },
    Unproven(String),
}

impl Linux {
    /// Brings a device back to the host, with its name, alias, Ethernet address and MTU, and up if it was.
    ///
    /// A physical device whose namespace died is brought to the host by the kernel, some moments later and perhaps under
    /// another name. One that the namespace's death has taken with it is gone.
    pub(in crate::linux) fn return_device(
        &self,
        netns: &NetnsIdentity,
        moved: &DeviceMove,
    ) -> Result<Undone, KernelError> {
        match self.whereabouts(netns, moved)? {
            Whereabouts::Inside(link, open) => {
                let inside = match open {
                    Some(open) => Some(open),
                    None => self.entrance(netns)?,
                };
                let Some(inside) = inside else {
                    return Ok(Undone::Unknown {
                        why: format!(
                            "{} is in a namespace that has neither a path nor a process",
                            moved.device.name
                        ),
                    });
                };
                self.bring_back(&inside, &link, &moved.device)?;
                Ok(Undone::Done)
            }
            Whereabouts::Home(link) => {
                self.settle(&link, &moved.device)?;
                Ok(Undone::Done)
            }
            Whereabouts::Settled { namespace_is_dead } => {
                if namespace_is_dead && moved.device.kind.is_empty() {
                    self.await_homecoming(moved)
                } else {
                    Ok(Undone::AlreadyGone)
                }
            }
            Whereabouts::Unproven(why) => Ok(Undone::Unknown { why }),
        }
    }

    /// Is it in the container?
    pub(in crate::linux) fn device_presence(
        &self,
        netns: &NetnsIdentity,
        moved: &DeviceMove,
    ) -> Result<Presence, KernelError> {
        Ok(match self.whereabouts(netns, moved)? {
            Whereabouts::Inside(..) => Presence::Present,
            Whereabouts::Home(_) | Whereabouts::Settled { .. } => Presence::Gone,
            Whereabouts::Unproven(_) => Presence::Unknown,
        })
    }

    fn whereabouts(
        &self,
        netns: &NetnsIdentity,
        moved: &DeviceMove,
    ) -> Result<Whereabouts, KernelError> {
        let open = match netns.nsid {
            Some(_) => None,
            None => reopen(netns)?,
        };
        let links = match (&open, netns.nsid) {
            (Some(open), _) => open.route().links(None).map(Some),
            (None, Some(nsid)) => match self.host.links(Some(nsid)) {
                // No namespace has the id any more.
                Err(refusal) if refusal.errno == Errno::EINVAL => Ok(None),
                links => links.map(Some),
            },
            (None, None) => {
                return Ok(Whereabouts::Unproven(format!(
                    "its namespace is not at {} any more, and may live without a path",
                    netns.path
                )));
            }
        };
        let links = links
            .map_err(|refusal| refusal.when(format!("looking for {} inside", moved.device.name)))?;
        let namespace_is_dead = links.is_none();
        if let Some(link) = links.and_then(|links| inside(links, moved)) {
            return Ok(Whereabouts::Inside(link, open));
        }
        Ok(match self.to_be_settled(moved)? {
            Some(link) => Whereabouts::Home(link),
            None => Whereabouts::Settled { namespace_is_dead },
        })
    }

    /// The device on the host, if it still carries what we gave it.
    fn to_be_settled(&self, moved: &DeviceMove) -> Result<Option<LinkState>, KernelError> {
        let links = self.host.links(None);
        let links = links.map_err(|refusal| refusal.when("reading the host's links"))?;
        Ok(links.into_iter().find(|link| came_home(link, moved)))
    }

    fn await_homecoming(&self, moved: &DeviceMove) -> Result<Undone, KernelError> {
        for _ in 0..HOMECOMING_ATTEMPTS {
            if let Some(link) = self.to_be_settled(moved)? {
                self.settle(&link, &moved.device)?;
                return Ok(Undone::Done);
            }
            if find(&self.host, &moved.device.name)?.is_some_and(|link| is_device(&link, moved)) {
                break;
            }
            thread::sleep(HOMECOMING_PAUSE);
        }
        Ok(Undone::AlreadyGone)
    }

    /// First its own name, so that the host sees it under no other. The alias stays to the last: as long as it is there
    /// the device is not settled.
    fn bring_back(
        &self,
        inside: &Netns,
        link: &LinkState,
        device: &DeviceState,
    ) -> Result<(), KernelError> {
        let doing = || format!("bringing {} back", device.name);
        let rename = LinkUnspec::new_with_index(link.index)
            .down()
            .name(&device.name)
            .alias(&device.name);
        match inside.route().set_link(rename.build()) {
            Ok(()) => {}
            // The container has another of this name; the kernel renames on the way then.
            Err(refusal) if refusal.errno == Errno::EEXIST => {}
            Err(refusal) => return Err(refusal.when(doing())),
        }
        let host = File::open("/proc/thread-self/ns/net").map_err(|source| KernelError::Io {
            doing: "opening the host's network namespace",
            source,
        })?;
        let message = homeward(link.index, device, host.as_raw_fd());
        let moved = inside.route().set_link(message);
        moved.map_err(|refusal| refusal.when_naming(&device.name, Place::Host, doing()))?;
        let home = find_required(&self.host, &device.name, Place::Host)?;
        self.settle(&home, device)
    }

    /// Gives it back everything that is its own.
    fn settle(&self, link: &LinkState, device: &DeviceState) -> Result<(), KernelError> {
        let doing = || format!("giving {} back its settings", device.name);
        if link.name != device.name {
            let rename = LinkUnspec::new_with_index(link.index)
                .down()
                .name(&device.name);
            let renamed = self.host.set_link(rename.build());
            renamed.map_err(|refusal| refusal.when_naming(&device.name, Place::Host, doing()))?;
        }
        settings(&self.host, link, device, doing)
    }
}

fn settings(
    host: &RouteSocket,
    link: &LinkState,
    device: &DeviceState,
    doing: impl Fn() -> String,
) -> Result<(), KernelError> {
    let mut message = LinkUnspec::new_with_index(link.index);
    if let Some(mac) = device.mac.filter(|mac| link.mac != Some(*mac)) {
        message = message.address(mac.0.to_vec());
    }
    if link.mtu != device.mtu {
        message = message.mtu(device.mtu);
    }
    set(host, message.build(), &doing)?;
    let mut last =
        LinkUnspec::new_with_index(link.index).alias(device.alias.as_deref().unwrap_or_default());
    if device.up {
        last = last.up();
    }
    set(host, last.build(), doing)
}

fn homeward(index: u32, device: &DeviceState, host: RawFd) -> LinkMessage {
    LinkUnspec::new_with_index(index)
        .setns_by_fd(host)
        .name(&device.name)
        .build()
}

/// By its alias, which says what it was called on the host; else by its address.
fn inside(links: Vec<LinkState>, moved: &DeviceMove) -> Option<LinkState> {
    let own_name = Some(moved.device.name.as_str());
    let mut candidates: Vec<_> = links
        .into_iter()
        .filter(|link| link.kind == moved.device.kind)
        .filter(|link| {
            let alias = link.alias.as_deref();
            // Two ports of one bond have the same address, but each has its own name in its alias.
            let unmarked = alias.is_none() || alias == moved.device.alias.as_deref();
            alias == own_name || (unmarked && is_device(link, moved))
        })
        .collect();
    candidates.sort_by_key(|link| {
        (
            link.alias.as_deref() != own_name,
            link.name != moved.name && link.name != moved.device.name,
        )
    });
    candidates.into_iter().next()
}

fn is_device(link: &LinkState, moved: &DeviceMove) -> bool {
    let known = [moved.device.mac, moved.mac];
    let same_address = match link.mac {
        Some(mac) => known.contains(&Some(mac)),
        // Without an address there is the name alone.
        None => {
            moved.device.mac.is_none()
                && (link.name == moved.name || link.name == moved.device.name)
        }
    };
    link.kind == moved.device.kind && same_address
}

fn came_home(link: &LinkState, moved: &DeviceMove) -> bool {
    let ours = moved.device.name.as_str();
    let own = moved.device.alias.as_deref();
    link.alias.as_deref() == Some(ours)
        && (link.name != ours || own != Some(ours))
        && link.kind == moved.device.kind
        && (link.mac.is_none() || is_device(link, moved))
}

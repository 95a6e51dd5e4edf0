use crate::netlink::LinkState;
use crate::{KernelError, sysctl};

/// Turns IPv6 off for a new interface of the host that speaks none (`disable_ipv6`): nothing is taken from what a container
/// advertises, and there are no routes through it, which the kernel walks whenever the state of any link changes.
///
/// The kernel does not wait for the lock over its links here but tries again and again (`addrconf_sysctl_disable`,
/// net/ipv6/addrconf.c): with many calls at once that costs more than it saves, so it is not for what no frame can reach.
pub(super) fn turn_off(link: &LinkState) -> Result<(), KernelError> {
    match link.ipv6 {
        Some(settings) if !settings.disabled => {
            let path = sysctl::of_interface("ipv6", &link.name, "disable_ipv6");
            sysctl::set(&path, "1")
        }
        _ => Ok(()),
    }
}

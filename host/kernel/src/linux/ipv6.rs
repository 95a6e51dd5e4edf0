use crate::netlink::LinkState;
use crate::{KernelError, sysctl};

/// Turns IPv6 off for a new interface of the host that speaks none (`disable_ipv6`): nothing is taken from what a container
/// advertises, and there are no routes through it, which the kernel walks whenever the state of any link changes.
pub(super) fn turn_off(link: &LinkState) -> Result<(), KernelError> {
    match link.ipv6 {
        Some(settings) if !settings.disabled => {
            let path = sysctl::of_interface("ipv6", &link.name, "disable_ipv6");
            sysctl::set(&path, "1")
        }
        _ => Ok(()),
    }
}

use crate::netlink::LinkState;
use crate::{KernelError, sysctl};

/// Prepares a new interface of the host that routes for containers, before it comes up.
///
/// Its routes come from us, not from whoever advertises some in a container. And its link-local address is made from an
/// address of ours, so it needs no detection: while that runs, the kernel asks for no neighbour on behalf of what it
/// forwards, and drops that for a second or two.
pub(super) fn prepare(link: &LinkState) -> Result<(), KernelError> {
    // A kernel without IPv6, or a link that it is off for.
    let Some(settings) = link.ipv6.filter(|settings| !settings.disabled) else {
        return Ok(());
    };
    for (parameter, now) in [
        ("accept_ra", settings.accept_ra),
        ("accept_dad", settings.accept_dad),
    ] {
        if now != 0 {
            sysctl::ensure(&sysctl::of_interface("ipv6", &link.name, parameter), "0")?;
        }
    }
    Ok(())
}

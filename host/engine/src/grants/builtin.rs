use plan::ChangeKind;

use super::Grant;

/// What the built-in stages are for. They come with the executable, so no configuration grants it to them.
pub(super) fn grants_of(name: &str) -> &'static [Grant] {
    match name {
        "portmap" => &[Grant::Change(ChangeKind::PortForward)],
        "bandwidth" => &[Grant::Change(ChangeKind::Bandwidth)],
        "firewall" | "flow-policy" => &[Grant::Change(ChangeKind::Flow)],
        "tuning" => &[
            Grant::Change(ChangeKind::Sysctl),
            Grant::Change(ChangeKind::Mac),
            Grant::Change(ChangeKind::Mtu),
            Grant::Change(ChangeKind::LinkFlag),
        ],
        "sbr" => &[
            Grant::Change(ChangeKind::Rule),
            Grant::Change(ChangeKind::Route),
        ],
        "vrf" => &[Grant::Change(ChangeKind::Vrf)],
        "route-override" => &[Grant::Change(ChangeKind::Route)],
        "quota" => &[Grant::Change(ChangeKind::Deny), Grant::Storage],
        _ => &[],
    }
}

/// A link of the attachment, as the CNI result lists it (WIT `link`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Which namespace it is in.
    pub side: LinkSide,
    /// What it is.
    pub kind: LinkKind,
}

/// What a link is on (WIT `link-side`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkSide {
    /// In the host's network namespace.
    Host,
    /// In the container's.
    Container,
}

/// What a link is, as far as the host knows (WIT `link-kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A bridge.
    Bridge,
    /// One end of a pair.
    Veth,
    /// A macvlan.
    Macvlan,
    /// The loopback interface.
    Loopback,
    /// Another, or one that another vendor's plugin made.
    Other,
}

/// A flag of a link (WIT `link-flag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkFlag {
    /// Receive every packet, whomever it is for.
    Promiscuous,
    /// Receive every multicast packet.
    AllMulticast,
}

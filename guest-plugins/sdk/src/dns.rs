use serde::Deserialize;

/// Resolver settings (WIT `dns`), read from a configuration as CNI's `dns` object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Addresses of name servers, in order of preference.
    pub nameservers: Vec<String>,
    /// The local domain.
    pub domain: Option<String>,
    /// Search domains, in order.
    pub search: Vec<String>,
    /// Resolver options.
    pub options: Vec<String>,
}

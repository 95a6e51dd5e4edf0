/// A sysctl of the container's network namespace (WIT `sysctl`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sysctl {
    /// Begins with `net.`.
    pub name: String,
    /// What is written.
    pub value: String,
}

use wasm_cni_guest::{Failure, config};

/// Which plugin a configuration is for.
pub(crate) struct Name {
    /// The key that says so: `plugin` or `type`.
    key: &'static str,
    pub(crate) value: String,
}

impl Name {
    pub(crate) fn read(config: &str) -> Result<Self, Failure> {
        let (key, value) = match config::text_of(config, "plugin")? {
            Some(plugin) => ("plugin", plugin),
            None => ("type", config::text_of(config, "type")?.unwrap_or_default()),
        };
        Ok(Self { key, value })
    }

    /// No plugin of the kind that is called has this name. `place` is what the configuration is inside of, with a dot.
    pub(crate) fn unknown(
        &self,
        place: &str,
        kind: &str,
        known: &[&str],
        others: &[&str],
        elsewhere: &str,
    ) -> Failure {
        let Self { key, value } = self;
        let hint = if others.contains(&value.as_str()) {
            format!(" ({value} is {elsewhere})")
        } else {
            String::new()
        };
        Failure::InvalidConfig(format!(
            "{place}{key} = \"{value}\": no built-in {kind} has this name{hint}; there are {}",
            known.join(", ")
        ))
    }
}

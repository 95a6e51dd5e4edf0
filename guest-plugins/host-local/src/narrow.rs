use wasm_cni_guest::{AddressRange, Failure};

use crate::HostLocal;

impl HostLocal {
    /// The same plugin, which hands out only what lies in these parts of its ranges, and nothing else on request.
    ///
    /// Each part lies in one range; each range set must have one, since an interface gets an address of each.
    ///
    /// # Errors
    /// [`Failure::InvalidConfig`], naming the part or the range set.
    pub fn narrowed_to(&self, parts: &[AddressRange]) -> Result<Self, Failure> {
        if let Some(stray) = parts
            .iter()
            .find(|part| !self.sets.iter().any(|set| set.holds(part)))
        {
            let sets: Vec<String> = self.sets.iter().map(ToString::to_string).collect();
            return Err(Failure::InvalidConfig(format!(
                "{stray} is not inside one of the network's ranges: {}",
                sets.join("; ")
            )));
        }
        let mut sets = Vec::with_capacity(self.sets.len());
        for set in &self.sets {
            let own: Vec<AddressRange> = parts
                .iter()
                .filter(|part| set.holds(part))
                .copied()
                .collect();
            if own.is_empty() {
                return Err(Failure::InvalidConfig(format!(
                    "has no part of range set {set}, of which every interface gets an address; name one"
                )));
            }
            let narrowed = set.narrowed_to(&own).map_err(|why| {
                Failure::InvalidConfig(format!(
                    "{why}: see gateways and exclusions of range set {set}"
                ))
            })?;
            sets.push(narrowed);
        }
        Ok(Self {
            sets,
            routes: self.routes.clone(),
        })
    }
}

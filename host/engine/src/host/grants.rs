use crate::grants::Grant;
use crate::outcome::Misuse;
use crate::sandbox::{Breach, CallState};
use crate::services::{Leases, Storage};
use crate::text;

/// Enough of what was wanted to recognise it.
const LONGEST_WANTED: usize = 256;

impl CallState {
    /// Ends the call unless the plugin has the grant; `wanted` completes "it wanted to …".
    pub(super) fn require(
        &self,
        grant: Grant,
        wanted: impl FnOnce() -> String,
    ) -> Result<(), Breach> {
        if self.grants.contains(grant) {
            return Ok(());
        }
        let wanted = text::printable(text::head(&wanted(), LONGEST_WANTED)).into_owned();
        Err(Breach::Ungranted { wanted, grant })
    }

    /// Addresses, for a call of this function of `leases`.
    pub(super) fn leases(&mut self, function: &str) -> Result<&mut dyn Leases, Breach> {
        self.require(Grant::Leases, || format!("call `leases.{function}`"))?;
        match &mut self.leases {
            Some(leases) => Ok(leases.as_mut()),
            None => Err(Misuse::NoLeases.into()),
        }
    }

    /// Keys and values, for a call of this function of `storage`.
    pub(super) fn storage(&mut self, function: &str) -> Result<&mut dyn Storage, Breach> {
        self.require(Grant::Storage, || format!("call `storage.{function}`"))?;
        Ok(self.storage.as_mut())
    }
}

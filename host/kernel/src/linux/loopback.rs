use ipnet::IpNet;
use plan::MacAddress;
use rtnetlink::LinkUnspec;

use super::{Linux, set};
use crate::{KernelError, LinkFact, Performed, Place, Side};

/// The index of `lo` in every namespace.
pub(super) const LOOPBACK: u32 = 1;

impl Linux {
    pub(super) fn loopback_up(&mut self) -> Result<Performed, KernelError> {
        let doing = || "setting lo up".to_owned();
        let container = self.container(doing)?;
        set(
            container.route(),
            LinkUnspec::new_with_index(LOOPBACK).up().build(),
            doing,
        )?;
        let lo = container
            .route()
            .link_by_index(LOOPBACK, None)
            .map_err(|refusal| refusal.when("reading lo"))?
            .ok_or_else(|| KernelError::NotFound {
                name: "lo".into(),
                place: Place::Container,
            })?;
        Ok(Performed::links([LinkFact {
            name: lo.name,
            mac: Some(lo.mac.unwrap_or(MacAddress([0; 6]))),
            mtu: lo.mtu,
            side: Side::Container,
            trace: None,
        }]))
    }

    /// The addresses of the container's `lo`, which the kernel gives it when it comes up.
    ///
    /// # Errors
    /// When there is no container, or it can't be asked.
    pub fn loopback_addresses(&self) -> Result<Vec<IpNet>, KernelError> {
        let doing = || "reading the addresses of lo".to_owned();
        let container = self.container(doing)?;
        let states = container.route().addresses(LOOPBACK, None);
        let states = states.map_err(|refusal| refusal.when(doing()))?;
        Ok(states.into_iter().map(|state| state.address).collect())
    }
}

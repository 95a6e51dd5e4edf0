use std::net::IpAddr;

use plan::{MasqueradeNetwork, SpoofCheck};

use super::batch::Batch;
use super::section::{Section, Standing, current_generation, was_overtaken};
use super::{ATTEMPTS, Nft, NftError, masquerade, spoof_check};

impl Nft {
    /// Makes in one batch what is missing of the shared objects, with the elements of every attachment that lives, and
    /// marks the objects as complete, so that `ensure_…` tells [`Base::Present`](super::Base::Present) again.
    ///
    /// `networks` holds each network once, with the settings of its newest attachment and the sources of all; the one that
    /// `ensure_…` called created belongs to them even if it has none. Elements that are there already stay.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn restore(
        &mut self,
        networks: &[(MasqueradeNetwork, Vec<IpAddr>)],
        spoof: &[SpoofCheck],
    ) -> Result<(), NftError> {
        for _ in 0..ATTEMPTS {
            match self.restore_once(networks, spoof) {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: "the nftables objects of wasm-cni".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    fn restore_once(
        &mut self,
        networks: &[(MasqueradeNetwork, Vec<IpAddr>)],
        spoof: &[SpoofCheck],
    ) -> Result<(), NftError> {
        let generation = current_generation(&mut self.connection)?;
        let mut lacking = Vec::new();
        for (network, _) in networks {
            let section = masquerade::section(network);
            lacking.extend(self.unless_complete(section)?);
        }
        let check = self.unless_complete(spoof_check::section())?;
        // A node without spoof checks gets no table for them.
        lacking.extend(
            check.filter(|(_, standing)| !spoof.is_empty() || *standing != Standing::Missing),
        );
        let replaces = lacking
            .iter()
            .any(|(_, standing)| *standing != Standing::Missing);
        let mut batch = Batch::new(replaces.then_some(generation));
        for (section, standing) in &lacking {
            section.make(&mut self.connection, &mut batch, *standing, false)?;
        }
        for (network, sources) in networks {
            masquerade::add_sources(&mut batch, network.network, sources);
        }
        spoof_check::add_checks(&mut batch, spoof)?;
        self.connection.commit(batch)
    }

    pub(super) fn unless_complete(
        &mut self,
        section: Section,
    ) -> Result<Option<(Section, Standing)>, NftError> {
        let standing = section.standing(&mut self.connection)?;
        let complete = match standing {
            Standing::Missing
            | Standing::Damaged
            | Standing::Whole {
                incomplete: true, ..
            } => false,
            Standing::Whole { outdated, .. } => {
                !outdated || section.is_up_to_date(&mut self.connection)?
            }
        };
        Ok((!complete).then_some((section, standing)))
    }
}

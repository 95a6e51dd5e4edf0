use super::batch::Batch;
use super::firewall::Firewall;
use super::section::{Section, Standing, current_generation, was_overtaken};
use super::{ATTEMPTS, Nft, NftError};

impl Nft {
    /// Makes in one batch what is missing of the shared objects, with the elements of every attachment that lives, and
    /// marks the objects as complete, so that `ensure_…` tells [`Base::Present`](super::Base::Present) again.
    ///
    /// What `ensure_…` called created must be in the firewall even if it has no elements. Elements that are there already
    /// stay; a port that leads to another target is led to the one that is given.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn restore(&mut self, firewall: &Firewall) -> Result<(), NftError> {
        for _ in 0..ATTEMPTS {
            match self.restore_once(firewall) {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: "the nftables objects of wasm-cni".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    fn restore_once(&mut self, firewall: &Firewall) -> Result<(), NftError> {
        let generation = current_generation(&mut self.connection)?;
        let mut lacking = Vec::new();
        for (section, wanted) in firewall.sections() {
            let known = |(seen, _): &(Section, Standing)| seen.chain == section.chain;
            // Chains may share a section.
            if lacking.iter().any(known) {
                continue;
            }
            let found = self.unless_complete(section)?;
            lacking.extend(found.filter(|(_, standing)| wanted || *standing != Standing::Missing));
        }
        let outdated = self.outdated_ports(&firewall.port_forwards)?;
        let replaces = lacking
            .iter()
            .any(|(_, standing)| *standing != Standing::Missing);
        let guarded = replaces || !outdated.is_empty();
        let mut batch = Batch::new(guarded.then_some(generation));
        for (section, standing) in &lacking {
            section.make(&mut self.connection, &mut batch, *standing, false)?;
        }
        firewall.add_elements(&mut batch)?;
        for (map, element) in &outdated {
            batch.delete_elements(map, std::slice::from_ref(element));
        }
        super::port_forward::add_all(&mut batch, &firewall.port_forwards)?;
        self.connection.commit(batch)
    }

    fn unless_complete(
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

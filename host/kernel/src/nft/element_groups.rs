//! Elements of several sets that belong together: those of one attachment.

use plan::Mismatch;

use super::batch::Batch;
use super::element::Element;
use super::set::Set;
use super::{ATTEMPTS, Nft, NftError};

/// Elements by their sets.
pub(super) type Groups = Vec<(Set, Vec<Element>)>;

impl Nft {
    /// Removes the elements; tells whether any was there. One batch if all are, else two and the sets are read: a batch
    /// for each of thousands would copy a set of ranges thousands of times.
    pub(super) fn forget_groups(&mut self, groups: &Groups) -> Result<bool, NftError> {
        let delete = |groups: &Groups| {
            let mut batch = Batch::new(None);
            for (set, elements) in groups {
                batch.delete_elements(set, elements);
            }
            batch
        };
        if groups.iter().all(|(_, elements)| elements.is_empty()) {
            return Ok(false);
        }
        if self.unless_missing(delete(groups))? {
            return Ok(true);
        }
        // Others may remove them between reading and deleting.
        for _ in 0..ATTEMPTS {
            let present = self.present(groups)?;
            if present.is_empty() {
                return Ok(false);
            }
            if self.unless_missing(delete(&present))? {
                return Ok(true);
            }
        }
        Err(NftError::Contended {
            object: "elements of an attachment".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    /// Is any of the elements there?
    pub(super) fn has_any(&mut self, groups: &Groups) -> Result<bool, NftError> {
        for (set, elements) in groups {
            for element in elements {
                if self.has(set, element)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The elements that are missing.
    pub(super) fn verify_groups(&mut self, groups: &Groups) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        for (set, elements) in groups {
            let mut missing = 0;
            for element in elements {
                missing += usize::from(!self.has(set, element)?);
            }
            if missing > 0 {
                mismatches.push(Mismatch {
                    object: format!("elements of {}", set.display()),
                    expected: format!("{} of the container", elements.len()),
                    found: format!("{missing} missing"),
                });
            }
        }
        Ok(mismatches)
    }

    /// Is just this element there? A set of ranges answers with the element that holds the key, which may be another one.
    pub(super) fn has(&mut self, set: &Set, element: &Element) -> Result<bool, NftError> {
        let decode = |attributes: &[u8]| {
            let mut found = Vec::new();
            Element::decode(attributes, &mut found)?;
            Some(found)
        };
        let found = self.connection.get(&element.request(set), decode)?;
        Ok(found.is_some_and(|found| found.contains(element)))
    }

    fn present(&mut self, groups: &Groups) -> Result<Groups, NftError> {
        let mut present = Vec::new();
        for (set, elements) in groups {
            let found = self
                .connection
                .dump(&Element::request_all(set), Element::decode)?;
            let there = elements.iter().filter(|each| found.contains(each));
            let there: Vec<_> = there.cloned().collect();
            if !there.is_empty() {
                present.push((set.clone(), there));
            }
        }
        Ok(present)
    }
}

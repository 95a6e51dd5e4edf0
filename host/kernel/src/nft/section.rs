//! A chain of ours with all that belongs to it, and how it is made exactly once by any number of processes.
//!
//! Nothing locks. A chain that is missing is created exclusively: of several batches one succeeds, the others fail with
//! EEXIST and look again. A chain that is not as wanted is replaced by a batch that carries the ruleset's generation: if
//! anything changed since it was looked at, the batch fails with ERESTART, and one looks again.

use plan::Family;

use super::batch::Batch;
use super::chain::{BaseChain, Chain, ChainState};
use super::element::Element;
use super::error::{Object, Operation};
use super::expression::Expression;
use super::interval::Intervals;
use super::mark::Mark;
use super::rule::{Rule, RuleState};
use super::set::Set;
use super::settings::Settings;
use super::socket::Connection;
use super::{NftError, generation};

/// Shared objects that are made, and compared, together.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Each leads to the chain by one rule for each of `entries`.
    pub(super) base_chains: &'static [BaseChain],
    pub(super) chain: Chain,
    /// Which packets are led to the chain: those that match all expressions of an entry.
    pub(super) entries: Vec<Vec<Expression>>,
    pub(super) rules: Vec<Rule>,
    /// Sets whose elements belong to attachments.
    pub(super) sets: Vec<Set>,
    /// Sets whose elements are settings.
    pub(super) address_sets: Vec<AddressSet>,
    /// The element of a map of verdicts that leads to the chain.
    pub(super) map_entry: Option<MapEntry>,
    /// See [`Mark::owner`].
    pub(super) owner: String,
}

/// What leads packets to a chain that is made with the first attachment that needs it. The map is another section's.
#[derive(Debug, Clone)]
pub(super) struct MapEntry {
    pub(super) map: Set,
    pub(super) element: Element,
}

/// A set of addresses that the settings name.
#[derive(Debug, Clone)]
pub(super) struct AddressSet {
    pub(super) set: Set,
    pub(super) family: Family,
    pub(super) wanted: Intervals,
    /// What is there already stays.
    pub(super) grows: bool,
}

/// How a section stands in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its chain is not there.
    Missing,
    /// Its chain has not the rules that it should have, or is not ours.
    Damaged,
    /// Its chain is whole. Elements of live attachments may be missing if it is `incomplete`.
    Whole { incomplete: bool, outdated: bool },
}

/// What is wanted of an address set, and what is there.
pub(super) struct Contents<'a> {
    pub(super) set: &'a AddressSet,
    pub(super) wanted: Intervals,
    pub(super) found: Intervals,
}

impl Section {
    /// One request.
    pub(super) fn standing(&self, connection: &mut Connection) -> Result<Standing, NftError> {
        let state = connection.get(&self.chain.request(), ChainState::decode)?;
        Ok(state.map_or(Standing::Missing, |state| self.judge(&state)))
    }

    fn judge(&self, state: &ChainState) -> Standing {
        let jumps = self.base_chains.len() * self.jump_rules().len();
        let uses = self.rules.len() + jumps + usize::from(self.map_entry.is_some());
        match mark_of(state) {
            Some(mark) if usize::try_from(state.uses) == Ok(uses) => Standing::Whole {
                incomplete: mark.incomplete,
                outdated: mark.settings != Settings::of(&self.address_sets),
            },
            _ => Standing::Damaged,
        }
    }

    /// Adds to the batch all that makes the section as wanted. A chain that is there is replaced: then the batch must
    /// carry the generation that was read before.
    pub(super) fn make(
        &self,
        connection: &mut Connection,
        batch: &mut Batch,
        standing: Standing,
        incomplete: bool,
    ) -> Result<(), NftError> {
        if standing != Standing::Missing {
            self.remove_chain(connection, batch)?;
        }
        batch.add_table(self.chain.family);
        for base in self.base_chains {
            batch.add_base_chain(base);
        }
        for set in &self.sets {
            batch.add_set(set);
        }
        for Contents { set, wanted, .. } in self.contents(connection)? {
            batch.add_set(&set.set);
            batch.delete_all_elements(&set.set);
            batch.add_elements(&set.set, &wanted.elements());
        }
        let mark = Mark {
            incomplete,
            settings: Settings::of(&self.address_sets),
            owner: self.owner.clone(),
        };
        batch.create_chain(&self.chain, &mark.to_string());
        // Before the rules: it is the map that tells best that what this depends on is missing.
        if let Some(MapEntry { map, element }) = &self.map_entry {
            batch.add_elements(map, std::slice::from_ref(element));
        }
        for rule in &self.rules {
            batch.append_rule(self.chain.family, &self.chain.name, rule);
        }
        for base in self.base_chains {
            for rule in self.jump_rules() {
                batch.append_rule(base.family, base.name, &rule);
            }
        }
        Ok(())
    }

    /// The rules of each base chain that lead to the chain.
    pub(super) fn jump_rules(&self) -> Vec<Rule> {
        self.entries
            .iter()
            .map(|entry| Rule::jump(&self.chain.name, entry))
            .collect()
    }

    fn remove_chain(&self, connection: &mut Connection, batch: &mut Batch) -> Result<(), NftError> {
        for base in self.base_chains {
            for rule in self.jumps(connection, base)? {
                batch.delete_rule(base.family, base.name, rule.handle);
            }
        }
        if let Some(entry) = &self.map_entry
            && let Some(found) = entry.found(connection)?
        {
            batch.delete_elements(&entry.map, &found);
        }
        batch.delete_chain(&self.chain);
        Ok(())
    }

    /// The rules of a base chain that lead to the section's chain.
    pub(super) fn jumps(
        &self,
        connection: &mut Connection,
        base: &BaseChain,
    ) -> Result<Vec<RuleState>, NftError> {
        let request = RuleState::request(base.family, base.name);
        let mut rules = connection.dump(&request, RuleState::decode)?;
        rules.retain(|rule| rule.jump.as_ref() == Some(&self.chain.name));
        Ok(rules)
    }

    /// Compares the address sets.
    pub(super) fn contents(
        &self,
        connection: &mut Connection,
    ) -> Result<Vec<Contents<'_>>, NftError> {
        let mut contents = Vec::new();
        for set in &self.address_sets {
            let elements = connection.dump(&Element::request_all(&set.set), Element::decode)?;
            let found = Intervals::from_elements(set.family, &elements);
            let wanted = if set.grows {
                found.union(&set.wanted)
            } else {
                set.wanted.clone()
            };
            contents.push(Contents { set, wanted, found });
        }
        Ok(contents)
    }

    /// Are the address sets as wanted, although the mark says that other settings made them?
    pub(super) fn is_up_to_date(&self, connection: &mut Connection) -> Result<bool, NftError> {
        let contents = self.contents(connection)?;
        Ok(contents.iter().all(|each| each.wanted == each.found))
    }
}

impl MapEntry {
    /// What the map has for the entry's key.
    pub(super) fn found(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<Vec<Element>>, NftError> {
        connection.get(&self.element.request(&self.map), |attributes| {
            let mut found = Vec::new();
            Element::decode(attributes, &mut found)?;
            Some(found)
        })
    }
}

/// The mark that a chain carries, if it is ours.
pub(super) fn mark_of(state: &ChainState) -> Option<Mark> {
    state.comment.as_ref()?.parse().ok()
}

/// The ruleset's generation now.
pub(super) fn current_generation(connection: &mut Connection) -> Result<u32, NftError> {
    let request = generation::request();
    let generation = connection.get(&request, generation::decode)?;
    generation.ok_or(NftError::Answer {
        object: request.name,
    })
}

/// Did the batch fail because others were quicker?
pub(super) fn was_overtaken(error: &NftError) -> bool {
    let NftError::Refused { operation, .. } = error else {
        return false;
    };
    matches!(
        (operation, error.errno()),
        (Operation::Batch, Some(libc::ERESTART))
            | (Operation::Add(Object::Chain), Some(libc::EEXIST))
            | (
                Operation::Add(Object::Elements) | Operation::Delete(_),
                Some(libc::ENOENT)
            )
    )
}

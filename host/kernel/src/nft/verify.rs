//! What of our objects is missing or different.

use plan::Mismatch;

use super::NftError;
use super::chain::{BaseChain, ChainState};
use super::element::Element;
use super::rule::RuleState;
use super::section::{Contents, Section, mark_of};
use super::set::Set;
use super::socket::Connection;

const PRESENT: &str = "present";
const MISSING: &str = "missing";

/// Compares the section's chain, its rules, what leads to it, and its address sets.
///
/// What the sets hold that are replaced is compared with the settings that the chain was made from, which may be newer
/// than these: an attachment that was made before a setting changed is not broken by that.
pub(super) fn section(
    connection: &mut Connection,
    section: &Section,
) -> Result<Vec<Mismatch>, NftError> {
    let chain = &section.chain;
    let Some(state) = connection.get(&chain.request(), ChainState::decode)? else {
        return Ok(vec![missing(chain.display())]);
    };
    let mut mismatches = Vec::new();
    mismatches.extend(rules(connection, section)?);
    for base in section.base_chains {
        mismatches.extend(base_chain(connection, section, base)?);
    }
    if let Some(entry) = &section.map_entry {
        let found = entry.found(connection)?;
        if !found.is_some_and(|found| found.contains(&entry.element)) {
            mismatches.push(missing(format!(
                "element of {} that leads to {}",
                entry.map.display(),
                chain.display()
            )));
        }
    }
    let (grown, replaced): (Vec<_>, Vec<_>) = section
        .contents(connection)?
        .into_iter()
        .partition(|contents| contents.set.grows);
    let lacking = grown.iter().filter(|each| each.wanted != each.found);
    mismatches.extend(lacking.map(|each| different(each)));
    let found = replaced.iter().map(|each| &each.found);
    if !mark_of(&state).is_some_and(|mark| mark.settings.replaced_by(found)) {
        let changed = replaced.iter().filter(|each| each.wanted != each.found);
        mismatches.extend(changed.map(|each| different(each)));
    }
    Ok(mismatches)
}

fn different(contents: &Contents<'_>) -> Mismatch {
    Mismatch {
        object: contents.set.set.display(),
        expected: contents.wanted.to_string(),
        found: contents.found.to_string(),
    }
}

fn rules(connection: &mut Connection, section: &Section) -> Result<Option<Mismatch>, NftError> {
    let chain = &section.chain;
    let request = RuleState::request(chain.family, &chain.name);
    let found = connection.dump(&request, RuleState::decode)?;
    let found = found
        .iter()
        .map(|rule| rule.comment.as_deref().unwrap_or("?"));
    let found = listed(found);
    let expected = listed(section.rules.iter().map(|rule| rule.comment.as_str()));
    Ok((found != expected).then(|| Mismatch {
        object: format!("rules of {}", chain.display()),
        expected,
        found,
    }))
}

fn base_chain(
    connection: &mut Connection,
    section: &Section,
    base: &BaseChain,
) -> Result<Option<Mismatch>, NftError> {
    let Some(state) = connection.get(&base.request(), ChainState::decode)? else {
        return Ok(Some(missing(base.display())));
    };
    if !base.is(&state) {
        return Ok(Some(Mismatch {
            object: base.display(),
            expected: format!(
                "type {} hook {} priority {}",
                base.kind, base.hook, base.priority
            ),
            found: state.hook.map_or_else(
                || "no hook".to_owned(),
                |(kind, hook, priority)| format!("type {kind} hook {hook} priority {priority}"),
            ),
        }));
    }
    let count = section.jumps(connection, base)?.len();
    let expected = section.jump_rules().len();
    Ok((count != expected).then(|| Mismatch {
        object: format!("rules {} jump {}", base.display(), section.chain.name),
        expected: expected.to_string(),
        found: count.to_string(),
    }))
}

/// Looks one element up; `name` is how `nft` writes it.
pub(super) fn element(
    connection: &mut Connection,
    set: &Set,
    element: &Element,
    name: &str,
) -> Result<Option<Mismatch>, NftError> {
    let found = connection.get(&element.request(set), |_| Some(()))?;
    Ok(found
        .is_none()
        .then(|| missing(format!("element {name} of {}", set.display()))))
}

pub(super) fn missing(object: String) -> Mismatch {
    Mismatch {
        object,
        expected: PRESENT.to_owned(),
        found: MISSING.to_owned(),
    }
}

fn listed<'a>(comments: impl Iterator<Item = &'a str>) -> String {
    let comments: Vec<_> = comments.collect();
    if comments.is_empty() {
        return "none".to_owned();
    }
    comments.join("; ")
}

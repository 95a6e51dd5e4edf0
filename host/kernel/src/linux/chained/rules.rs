use nix::errno::Errno;
use plan::{Family, Mismatch, RoutingRule, RoutingRules};

use super::{Linux, Tally};
use crate::linux::verify::Differences;
use crate::netlink::RuleState;
use crate::{KernelError, Netns, Undone};

/// `RT_TABLE_DEFAULT`, `RT_TABLE_MAIN` and `RT_TABLE_LOCAL`.
const KERNELS: [u32; 3] = [253, 254, 255];

impl Linux {
    pub(in crate::linux) fn add_rules(&self, wanted: &RoutingRules) -> Result<(), KernelError> {
        let container = self.container(|| "setting routing rules".into())?;
        for rule in &wanted.rules {
            if find(container, rule)?.is_some() {
                continue;
            }
            match container.route().add_rule(rule) {
                Ok(()) => {}
                // Another process set it meanwhile.
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                Err(refusal) => return Err(refusal.when(format!("adding rule {rule}"))),
            }
        }
        Ok(())
    }

    pub(in crate::linux) fn compare_rules(
        &self,
        wanted: &RoutingRules,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let container = self.container(|| "checking routing rules".into())?;
        for rule in &wanted.rules {
            let there = find(container, rule)?.is_some();
            differences.unless(there, format!("rule {rule}"), "present", "missing");
        }
        Ok(differences.found)
    }

    /// The routing rules inside the container that select by addresses alone, but for the kernel's own.
    ///
    /// # Errors
    /// When there is no container, or it can't be asked.
    pub fn routing_rules(&self) -> Result<Vec<RoutingRule>, KernelError> {
        let container = self.container(|| "reading routing rules".into())?;
        let mut rules = Vec::new();
        for family in [Family::Ipv4, Family::Ipv6] {
            let found = container
                .route()
                .rules(family)
                .map_err(|refusal| refusal.when("reading routing rules"))?;
            let rules_of_family = found.into_iter().map(|found| found.rule);
            rules.extend(rules_of_family.filter(|rule| !KERNELS.contains(&rule.table)));
        }
        Ok(rules)
    }

    /// Without the rules that are there.
    pub(super) fn observe_rules(&self, wanted: &RoutingRules) -> Result<RoutingRules, KernelError> {
        let container = self.container(|| "reading routing rules".into())?;
        let mut rules = Vec::new();
        for rule in &wanted.rules {
            if find(container, rule)?.is_none() {
                rules.push(rule.clone());
            }
        }
        Ok(RoutingRules { rules })
    }
}

/// Each once: an equal one besides is another's.
pub(super) fn delete(netns: &Netns, rules: &[RoutingRule]) -> Result<Undone, KernelError> {
    let mut tally = Tally::default();
    for rule in rules {
        let Some(found) = find_ours(netns, rule)? else {
            continue;
        };
        match netns.route().delete_rule(&found.rule) {
            Ok(()) => tally.done = true,
            Err(refusal) if refusal.errno == Errno::ENOENT => {}
            Err(refusal) => return Err(refusal.when(format!("deleting rule {rule}"))),
        }
    }
    Ok(tally.outcome())
}

pub(super) fn any_there(netns: &Netns, rules: &[RoutingRule]) -> Result<bool, KernelError> {
    for rule in rules {
        if find_ours(netns, rule)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn find(netns: &Netns, wanted: &RoutingRule) -> Result<Option<RuleState>, KernelError> {
    first(netns, wanted, |_| true)
}

fn find_ours(netns: &Netns, wanted: &RoutingRule) -> Result<Option<RuleState>, KernelError> {
    first(netns, wanted, |found| found.ours)
}

/// The one that is looked at first: where the kernel chooses priorities, a later rule comes before an earlier.
fn first(
    netns: &Netns,
    wanted: &RoutingRule,
    eligible: impl Fn(&RuleState) -> bool,
) -> Result<Option<RuleState>, KernelError> {
    let family = wanted.family;
    let rules = netns.route().rules(family);
    let rules = rules.map_err(|refusal| refusal.when(format!("reading the {family} rules")))?;
    Ok(rules
        .into_iter()
        .find(|found| found.is(wanted) && eligible(found)))
}

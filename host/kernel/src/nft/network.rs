//! What one network alone has in our table: chains, the rules that lead to them, and their sets.

use plan::ForwardTag;

use super::chain::{BaseChain, Chain, ListedChain};
use super::mark::Mark;
use super::rule::RuleState;
use super::section::{current_generation, was_overtaken};
use super::table::{TABLE, TableFamily};
use super::{ATTEMPTS, Nft, NftError, batch::Batch, comment, masquerade, port_forward};

const FAMILY: TableFamily = TableFamily::Inet;

impl Nft {
    /// Removes the chains of one network, by its name, with all that is in their sets; returns their names, as `nft` writes
    /// them. Nothing is masqueraded or forwarded for its attachments any more.
    ///
    /// # Errors
    /// What the kernel refuses; a repeat goes on.
    pub fn purge_network(&mut self, network: &str) -> Result<Vec<String>, NftError> {
        for _ in 0..ATTEMPTS {
            match self.purge_network_once(network) {
                Err(error) if was_overtaken(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: format!("chains of network {network}"),
            attempts: ATTEMPTS,
        })
    }

    /// What names the ways of forwarding that one network has chains for.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn forward_tags(&mut self, network: &str) -> Result<Vec<ForwardTag>, NftError> {
        let chains = self.chains_of(network)?;
        let tags = chains
            .iter()
            .filter_map(|chain| port_forward::tag_of(&chain.name));
        Ok(tags.collect())
    }

    fn purge_network_once(&mut self, network: &str) -> Result<Vec<String>, NftError> {
        let generation = current_generation(&mut self.connection)?;
        let chains = self.chains_of(network)?;
        if chains.is_empty() {
            return Ok(Vec::new());
        }
        let sets = self.set_names(FAMILY)?;
        let mut batch = Batch::new(Some(generation));
        for chain in &chains {
            for base in base_chains() {
                let request = RuleState::request(base.family, base.name);
                for rule in self.connection.dump(&request, RuleState::decode)? {
                    if rule.jump.as_ref() == Some(&chain.name) {
                        batch.delete_rule(base.family, base.name, rule.handle);
                    }
                }
            }
            batch.delete_chain(chain);
            for set in sets.iter().filter(|set| belongs_to(set, &chain.name)) {
                batch.delete_set(FAMILY, set);
            }
        }
        self.connection.commit(batch)?;
        self.forget_idle_zones()?;
        Ok(chains.iter().map(Chain::display).collect())
    }

    fn chains_of(&mut self, network: &str) -> Result<Vec<Chain>, NftError> {
        let listed = self
            .connection
            .dump(&ListedChain::request_all(FAMILY), ListedChain::decode)?;
        Ok(listed
            .into_iter()
            .filter(|chain| chain.table == TABLE)
            .filter(|chain| {
                let comment = chain.comment.as_deref();
                comment.is_some_and(|comment| is_of(comment, network))
            })
            .map(|chain| Chain {
                family: FAMILY,
                name: chain.name,
            })
            .collect())
    }
}

fn base_chains() -> impl Iterator<Item = &'static BaseChain> {
    masquerade::BASE_CHAINS
        .iter()
        .chain(port_forward::FORWARDING)
}

/// Is this the comment of a chain of that network?
fn is_of(comment: &str, network: &str) -> bool {
    let Ok(mark) = comment.parse::<Mark>() else {
        return false;
    };
    [masquerade::owner(network), port_forward::owner(network)]
        .into_iter()
        .any(|owner| {
            let expected = Mark {
                owner,
                ..mark.clone()
            };
            // As it is kept: long ones are cut.
            comment::decode(&comment::encode(&expected.to_string())) == Some(comment)
        })
}

/// Chains and sets of one subject end with its tag: `masq-<tag>`, `pods4-<tag>`.
fn belongs_to(set: &str, chain: &str) -> bool {
    let tag = |name: &str| name.rsplit_once('-').map(|(_, tag)| tag.to_owned());
    tag(set).is_some() && tag(set) == tag(chain)
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    fn comment(owner: String) -> String {
        let mark = Mark {
            incomplete: false,
            settings: Settings::of(&[]),
            owner,
        };
        let kept = comment::encode(&mark.to_string());
        comment::decode(&kept).unwrap().to_owned()
    }

    #[test]
    fn chains_are_told_by_the_network_in_their_comment() {
        for network in ["pods", &"n".repeat(300)] {
            assert!(is_of(&comment(masquerade::owner(network)), network));
            assert!(is_of(&comment(port_forward::owner(network)), network));
        }
        for other in ["pod", "pods2", ""] {
            assert!(
                !is_of(&comment(masquerade::owner(other)), "pods"),
                "{other}"
            );
        }
        assert!(!is_of("network pods", "pods"));
    }

    #[test]
    fn sets_go_with_the_chain_of_their_tag() {
        assert!(belongs_to(
            "pods4-0011223344556677",
            "masq-0011223344556677"
        ));
        assert!(!belongs_to(
            "pods4-0011223344556678",
            "masq-0011223344556677"
        ));
        assert!(!belongs_to("sources", "masq-0011223344556677"));
    }
}

//! Passage through the host's own firewall.
//!
//! An accept of ours does not beat a drop of another base chain. So our chain gives containers' packets a mark, and one
//! rule at the head of the chains that iptables-nft filters forwarded packets with accepts what has the mark.

use plan::Mismatch;

use super::batch::Batch;
use super::foreign_chain::{ForeignChain, ForeignFamily, ForeignState};
use super::section::{current_generation, was_overtaken};
use super::table::TABLE;
use super::{ATTEMPTS, Base, Nft, NftError, foreign_rule, host_firewall_pass, verify};

/// The bit of the packet mark that says: passes the host's firewall. Bit 12, which nobody is known to use: bits 14 and 15
/// are those of kube-proxy, 13 of the reference portmap, 16 and above of Calico and Tailscale, 8 to 11 of Cilium.
pub const FIREWALL_MARK: u32 = 1 << 12;

/// The chains that get the rule where they are. Docker and the reference firewall plugin keep the latter two at the head
/// of FORWARD, for rules of the operator, and put them there again before ours.
const CHAINS: [&str; 3] = ["FORWARD", "DOCKER-USER", "CNI-ADMIN"];
const FAMILIES: [ForeignFamily; 2] = [ForeignFamily::Ipv4, ForeignFamily::Ipv6];
/// Of iptables.
const FILTER: &str = "filter";
/// It rejects, by a rule, what none of its zones accepts, whatever its policy.
const FIREWALLD: &str = "firewalld";

/// A chain of another's table that drops what the host forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardFilter {
    /// As `nft` names it.
    pub chain: String,
    /// It is one that can be given the rule for our mark.
    pub heeds_mark: bool,
}

impl Nft {
    /// Makes what is missing of the chain that marks, and puts the rule that accepts the mark where it is missing.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_host_firewall_accept(&mut self) -> Result<Base, NftError> {
        let base = self.ensure(&host_firewall_pass::section())?;
        for _ in 0..ATTEMPTS {
            let generation = current_generation(&mut self.connection)?;
            // Others may do the same at this moment, and the rule shall be there once.
            let mut batch = Batch::new(Some(generation));
            for (chain, rules) in self.accept_rules()? {
                if rules.is_empty() {
                    batch.insert_accept(&chain);
                }
            }
            match self.connection.commit(batch) {
                Err(error) if was_overtaken(&error) => {}
                done => return done.map(|()| base),
            }
        }
        Err(NftError::Contended {
            object: "the rule for our mark".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    /// What is not as [`Nft::ensure_host_firewall_accept`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_host_firewall_accept(&mut self) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = verify::section(&mut self.connection, &host_firewall_pass::section())?;
        for (chain, rules) in self.accept_rules()? {
            if rules.is_empty() {
                mismatches.push(Mismatch {
                    object: format!(
                        "rule of {} for mark {FIREWALL_MARK:#x}/{FIREWALL_MARK:#x}",
                        chain.display()
                    ),
                    expected: "accept".to_owned(),
                    found: "missing".to_owned(),
                });
            }
        }
        Ok(mismatches)
    }

    /// Removes our rules in chains of others. Tells whether there was any.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn remove_host_firewall_accept(&mut self) -> Result<bool, NftError> {
        let mut batch = Batch::new(None);
        for (chain, rules) in self.accept_rules()? {
            for handle in rules {
                batch.delete_foreign_rule(&chain, handle);
            }
        }
        if batch.is_empty() {
            return Ok(false);
        }
        self.unless_missing(batch)
    }

    /// Chains of others, as `nft` names them, that drop forwarded packets and take no notice of our mark.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn impassable_firewalls(&mut self) -> Result<Vec<String>, NftError> {
        let filters = self.forward_filters()?;
        let impassable = filters.into_iter().filter(|filter| !filter.heeds_mark);
        Ok(impassable.map(|filter| filter.chain).collect())
    }

    /// Chains of others that drop forwarded packets by default, or reject them.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn forward_filters(&mut self) -> Result<Vec<ForwardFilter>, NftError> {
        let mut filters = Vec::new();
        for family in ForeignFamily::ALL {
            let decode = |attributes: &[u8], found: &mut Vec<ForeignState>| {
                found.push(ForeignState::decode(attributes)?);
                Some(())
            };
            let chains = self.connection.dump(&family.request_chains(), decode)?;
            let drops = |chain: &&ForeignState| {
                chain.table != TABLE
                    && chain.filters_forwarded
                    && (chain.drops_by_default || chain.table == FIREWALLD)
            };
            filters.extend(chains.iter().filter(drops).map(|chain| ForwardFilter {
                chain: format!("chain {} {} {}", family.name(), chain.table, chain.name),
                heeds_mark: FAMILIES.contains(&family)
                    && chain.table == FILTER
                    && CHAINS.contains(&chain.name.as_str()),
            }));
        }
        Ok(filters)
    }

    /// The chains that are there, each with our rules in it.
    fn accept_rules(&mut self) -> Result<Vec<(ForeignChain, Vec<u64>)>, NftError> {
        let mut found = Vec::new();
        for family in FAMILIES {
            for name in CHAINS {
                let chain = ForeignChain {
                    family,
                    table: FILTER,
                    name,
                };
                let state = self
                    .connection
                    .get(&chain.request(), ForeignState::decode)?;
                if state.is_some() {
                    let request = chain.request_rules();
                    let rules = self.connection.dump(&request, foreign_rule::decode)?;
                    found.push((chain, rules));
                }
            }
        }
        Ok(found)
    }
}

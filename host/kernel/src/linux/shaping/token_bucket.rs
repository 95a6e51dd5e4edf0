mod parameters;

use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use nix::errno::Errno;
use plan::{Mismatch, TokenBucket};

use crate::linux::verify::Differences;
use crate::linux::{Linux, find, find_required};
use crate::netlink::{LinkState, QdiscState, tc_message};
use crate::{KernelError, Place, Presence, Undone};

use parameters::{Found, Parameters};

const KIND: &str = "tbf";
/// Tells our queueing discipline from another's.
const HANDLE: TcHandle = TcHandle {
    major: 0x7763,
    minor: 0,
};

impl Linux {
    pub(in crate::linux) fn put_token_bucket(
        &self,
        wanted: &TokenBucket,
    ) -> Result<(), KernelError> {
        let link = find_required(&self.host, &wanted.link, Place::Host)?;
        let message = message(link.index, Parameters::of(wanted, &link));
        let doing = || format!("holding {} to a rate", wanted.link);
        let Err(refusal) = self.host.put_qdisc(message) else {
            return Ok(());
        };
        Err(match refusal.errno {
            Errno::EEXIST => KernelError::QdiscExists {
                link: wanted.link.clone(),
                found: self
                    .root_qdisc(&link)?
                    .map_or_else(|| "another one".into(), |found| found.description()),
            },
            Errno::ENOENT => KernelError::Unsupported {
                doing: doing(),
                feature: "token bucket filter",
                option: "CONFIG_NET_SCH_TBF",
            },
            _ => refusal.when(doing()),
        })
    }

    pub(in crate::linux) fn compare_token_bucket(
        &self,
        wanted: &TokenBucket,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let mut differences = Differences::default();
        let Some(link) = find(&self.host, &wanted.link)? else {
            return Ok(differences.missing(format!("link {} {}", wanted.link, Place::Host)));
        };
        let object = format!("token bucket of {}", wanted.link);
        let found = self.root_qdisc(&link)?.filter(is_token_bucket);
        let Some(found) = found.and_then(|qdisc| Found::read(&qdisc.options)) else {
            return Ok(differences.missing(object));
        };
        let expected = Parameters::of(wanted, &link);
        differences.equal(format!("rate of {object}"), expected.rate, found.rate);
        differences.equal(format!("limit of {object}"), expected.limit, found.limit);
        differences.unless(
            found.rate != expected.rate || found.has_burst(expected.burst),
            format!("burst of {object}"),
            expected.burst,
            found.burst(),
        );
        Ok(differences.found)
    }

    pub(in crate::linux) fn delete_token_bucket(&self, link: &str) -> Result<Undone, KernelError> {
        let Some(state) = find(&self.host, link)? else {
            return Ok(Undone::AlreadyGone);
        };
        match self.root_qdisc(&state)? {
            None => return Ok(Undone::AlreadyGone),
            Some(found) if !is_ours(&found) => {
                return Ok(Undone::NotOurs {
                    found: found.description(),
                });
            }
            Some(_) => {}
        }
        let mut message = tc_message(
            state.index,
            TcHandle::ROOT,
            [TcAttribute::Kind(KIND.into())],
        );
        message.header.handle = HANDLE;
        match self.host.delete_qdisc(message) {
            Ok(()) => Ok(Undone::Done),
            // The link, or what is on it, vanished since we looked.
            Err(refusal) if matches!(refusal.errno, Errno::ENODEV | Errno::ENOENT) => {
                Ok(Undone::AlreadyGone)
            }
            Err(refusal) => Err(refusal.when(format!("freeing {link} of its rate"))),
        }
    }

    pub(in crate::linux) fn token_bucket_presence(
        &self,
        link: &str,
    ) -> Result<Presence, KernelError> {
        let Some(state) = find(&self.host, link)? else {
            return Ok(Presence::Gone);
        };
        let ours = self
            .root_qdisc(&state)?
            .is_some_and(|found| is_ours(&found));
        Ok(if ours {
            Presence::Present
        } else {
            Presence::Gone
        })
    }

    fn root_qdisc(&self, link: &LinkState) -> Result<Option<QdiscState>, KernelError> {
        let found = self.host.qdisc(link.index, TcHandle::ROOT);
        found.map_err(|refusal| refusal.when(format!("reading the queue of {}", link.name)))
    }
}

fn is_token_bucket(qdisc: &QdiscState) -> bool {
    qdisc.kind == KIND
}

fn is_ours(qdisc: &QdiscState) -> bool {
    is_token_bucket(qdisc) && qdisc.handle == HANDLE
}

fn message(index: u32, parameters: Parameters) -> TcMessage {
    let attributes = [TcAttribute::Kind(KIND.into()), parameters.options()];
    let mut message = tc_message(index, TcHandle::ROOT, attributes);
    message.header.handle = HANDLE;
    message
}

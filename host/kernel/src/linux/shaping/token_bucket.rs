use netlink_packet_core::{DefaultNla, Nla, NlasIterator, Parseable};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use nix::errno::Errno;
use plan::{Mismatch, TokenBucket};

use crate::linux::verify::Differences;
use crate::linux::{Linux, find, find_required};
use crate::netlink::{LinkState, QdiscState, options, tc_message};
use crate::{KernelError, Place, Presence, Undone};

const KIND: &str = "tbf";
/// Tells our queueing discipline from another's.
const HANDLE: TcHandle = TcHandle {
    major: 0x7763,
    minor: 0,
};

/// `TCA_TBF_PARMS`: a `struct tc_tbf_qopt`.
const PARAMETERS: u16 = 1;
/// `TCA_TBF_RATE64`.
const RATE64: u16 = 4;
/// `TCA_TBF_BURST`, in bytes (Linux 3.13). With it the kernel needs no table of times (`TCA_TBF_RTAB`).
const BURST: u16 = 6;
/// `TC_LINKLAYER_ETHERNET`.
const LINKLAYER_ETHERNET: u8 = 1;

/// The longest that a packet waits is 25 ms, as in the reference plugin.
const LATENCIES_PER_SECOND: u64 = 40;
/// An Ethernet header with a VLAN tag, in bytes.
const FRAME_HEADER: u32 = 18;
/// A tick of `struct tc_tbf_qopt` (`PSCHED_SHIFT`).
const NANOSECONDS_PER_TICK: u64 = 64;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

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

/// What the kernel is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    /// In bytes per second.
    rate: u64,
    /// In bytes.
    burst: u32,
    /// Bytes that may wait.
    limit: u32,
}

impl Parameters {
    /// A bucket that holds less than a frame lets none pass, so it holds the link's largest at least.
    fn of(wanted: &TokenBucket, link: &LinkState) -> Self {
        let rate = (wanted.rate / 8).max(1);
        let burst = saturate(wanted.burst / 8).max(link.mtu.saturating_add(FRAME_HEADER));
        let waiting = rate / LATENCIES_PER_SECOND;
        Self {
            rate,
            burst,
            limit: saturate(waiting.saturating_add(burst.into())),
        }
    }
}

fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn message(index: u32, parameters: Parameters) -> TcMessage {
    let mut attributes = vec![
        DefaultNla::new(PARAMETERS, structure(parameters)),
        DefaultNla::new(BURST, parameters.burst.to_ne_bytes().to_vec()),
    ];
    if u32::try_from(parameters.rate).is_err() {
        let rate = parameters.rate.to_ne_bytes().to_vec();
        attributes.push(DefaultNla::new(RATE64, rate));
    }
    let attributes = [TcAttribute::Kind(KIND.into()), options(&attributes)];
    let mut message = tc_message(index, TcHandle::ROOT, attributes);
    message.header.handle = HANDLE;
    message
}

/// `struct tc_tbf_qopt`: rate, peak rate (none), limit, buffer (`TCA_TBF_BURST` counts) and the peak rate's bucket. A
/// `struct tc_ratespec` is `cell_log`, `linklayer`, `overhead`, `cell_align`, `mpu`, `rate`.
fn structure(parameters: Parameters) -> Vec<u8> {
    let mut bytes = vec![0, LINKLAYER_ETHERNET, 0, 0, 0, 0, 0, 0];
    bytes.extend(saturate(parameters.rate).to_ne_bytes());
    bytes.extend([0; 12]);
    bytes.extend(parameters.limit.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// What the kernel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    rate: u64,
    limit: u32,
    /// The time in which the bucket fills, in ticks; the kernel shows no more than its lowest 32 bits.
    ticks: u32,
}

impl Found {
    fn read(options: &[u8]) -> Option<Self> {
        let mut found = None;
        let mut rate64 = None;
        for attribute in NlasIterator::new(options) {
            let attribute = DefaultNla::parse(&attribute.ok()?).ok()?;
            let mut value = vec![0; attribute.value_len()];
            attribute.emit_value(&mut value);
            match attribute.kind() {
                PARAMETERS => {
                    let word = |at: usize| {
                        let bytes = value.get(at..at + 4)?;
                        bytes.try_into().ok().map(u32::from_ne_bytes)
                    };
                    found = Some(Self {
                        rate: word(8)?.into(),
                        limit: word(24)?,
                        ticks: word(28)?,
                    });
                }
                RATE64 => rate64 = value.try_into().ok().map(u64::from_ne_bytes),
                _ => {}
            }
        }
        found.map(|found| Self {
            rate: rate64.unwrap_or(found.rate),
            ..found
        })
    }

    /// In bytes.
    fn burst(&self) -> u64 {
        let nanoseconds = u128::from(self.ticks) * u128::from(NANOSECONDS_PER_TICK);
        let bytes = nanoseconds * u128::from(self.rate) / u128::from(NANOSECONDS_PER_SECOND);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The kernel keeps the time, in ticks, rounded down.
    fn has_burst(&self, wanted: u32) -> bool {
        let nanoseconds =
            u128::from(wanted) * u128::from(NANOSECONDS_PER_SECOND) / u128::from(self.rate.max(1));
        let wanted = nanoseconds / u128::from(NANOSECONDS_PER_TICK);
        wanted > u128::from(u32::MAX) || wanted.abs_diff(self.ticks.into()) <= 1 + wanted / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(mtu: u32) -> LinkState {
        LinkState {
            mtu,
            ..LinkState::default()
        }
    }

    fn bucket(rate: u64, burst: u64) -> TokenBucket {
        TokenBucket {
            link: "veth".into(),
            rate,
            burst,
        }
    }

    /// The reference plugin's own example: 16000 bit/s and a burst of 1500 bytes at a latency of 25 ms.
    #[test]
    fn what_waits_is_the_burst_and_25_milliseconds() {
        let parameters = Parameters::of(&bucket(8_000_000, 800_000), &link(1500));
        assert_eq!(
            parameters,
            Parameters {
                rate: 1_000_000,
                burst: 100_000,
                limit: 125_000
            }
        );
    }

    #[test]
    fn a_bucket_holds_a_whole_frame() {
        let parameters = Parameters::of(&bucket(1_000_000, 8), &link(9000));
        assert_eq!(parameters.burst, 9018);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let most = Parameters::of(&bucket(u64::MAX, u64::MAX), &link(u32::MAX));
        assert_eq!((most.burst, most.limit), (u32::MAX, u32::MAX));
        let least = Parameters::of(&bucket(0, 0), &link(1500));
        assert_eq!((least.rate, least.limit), (1, 1518));
        let all = Found {
            rate: u64::MAX,
            limit: 0,
            ticks: u32::MAX,
        };
        assert!(all.burst() > 0 && !all.has_burst(0));
    }

    /// Below 4 GiB/s the old field is enough; above, it is saturated and the attribute of 64 bits tells.
    #[test]
    fn fast_rates_take_64_bits() {
        for (rate, expected) in [(8_000_000, 1_000_000), (400_000_000_000, 50_000_000_000)] {
            let parameters = Parameters::of(&bucket(rate, 8_000_000), &link(1500));
            let TcAttribute::Other(options) = message(7, parameters).attributes.remove(1) else {
                panic!()
            };
            let mut bytes = vec![0; options.value_len()];
            options.emit_value(&mut bytes);
            let found = Found::read(&bytes).unwrap();
            assert_eq!((found.rate, found.limit), (expected, parameters.limit));
        }
    }

    #[test]
    fn torn_options_are_no_bucket() {
        for bytes in [&[][..], &[1], &[40, 0, 1, 0, 0], &[8, 0, 1, 0, 0, 0, 0, 0]] {
            assert_eq!(Found::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_burst_is_known_by_the_time_that_it_takes() {
        // 100 000 bytes at 1 MB/s: 100 ms.
        let found = Found {
            rate: 1_000_000,
            limit: 0,
            ticks: 1_562_500,
        };
        assert_eq!(found.burst(), 100_000);
        assert!(found.has_burst(100_000));
        assert!(!found.has_burst(101_000));
    }
}

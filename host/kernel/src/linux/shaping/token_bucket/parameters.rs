use netlink_packet_core::{DefaultNla, Nla, NlasIterator, Parseable};
use netlink_packet_route::tc::TcAttribute;
use plan::TokenBucket;

use crate::netlink::{LinkState, options};

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

/// What the kernel is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameters {
    /// In bytes per second.
    pub(super) rate: u64,
    /// In bytes.
    pub(super) burst: u32,
    /// Bytes that may wait.
    pub(super) limit: u32,
}

impl Parameters {
    /// A bucket that holds less than a frame lets none pass, so it holds the link's largest at least.
    pub(super) fn of(wanted: &TokenBucket, link: &LinkState) -> Self {
        let rate = (wanted.rate / 8).max(1);
        let burst = saturate(wanted.burst / 8).max(link.mtu.saturating_add(FRAME_HEADER));
        let waiting = rate / LATENCIES_PER_SECOND;
        Self {
            rate,
            burst,
            limit: saturate(waiting.saturating_add(burst.into())),
        }
    }

    pub(super) fn options(self) -> TcAttribute {
        let mut attributes = vec![
            DefaultNla::new(PARAMETERS, structure(self)),
            DefaultNla::new(BURST, self.burst.to_ne_bytes().to_vec()),
        ];
        if u32::try_from(self.rate).is_err() {
            attributes.push(DefaultNla::new(RATE64, self.rate.to_ne_bytes().to_vec()));
        }
        options(&attributes)
    }
}

fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
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
pub(super) struct Found {
    pub(super) rate: u64,
    pub(super) limit: u32,
    /// The time in which the bucket fills, in ticks; the kernel shows no more than its lowest 32 bits.
    ticks: u32,
}

impl Found {
    pub(super) fn read(options: &[u8]) -> Option<Self> {
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
    pub(super) fn burst(&self) -> u64 {
        let nanoseconds = u128::from(self.ticks) * u128::from(NANOSECONDS_PER_TICK);
        let bytes = nanoseconds * u128::from(self.rate) / u128::from(NANOSECONDS_PER_SECOND);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The kernel keeps the time, in ticks, rounded down.
    pub(super) fn has_burst(&self, wanted: u32) -> bool {
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
            let TcAttribute::Other(options) = parameters.options() else {
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

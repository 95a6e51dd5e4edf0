use proptest::prelude::*;
use wasm_cni_guest::{IpFamily, PacketMatch};

use super::v4;

proptest! {
    /// Nothing that an operator writes makes the plugin panic, and all that it reads is of the list's family.
    #[test]
    fn any_text_is_read_or_refused(
        words in proptest::collection::vec(
            prop_oneof![
                Just("-s".to_owned()), Just("!".to_owned()), Just("ip".to_owned()), Just("saddr".to_owned()),
                Just("mark".to_owned()), Just("&".to_owned()), Just("!=".to_owned()), Just("-m".to_owned()),
                Just("--mark".to_owned()), Just("10.0.0.0/8".to_owned()), Just("5/7".to_owned()), ".{0,6}",
            ],
            0..8,
        ),
        ipv4 in any::<bool>(),
    ) {
        let family = if ipv4 { IpFamily::Ipv4 } else { IpFamily::Ipv6 };
        if let Ok(conditions) = crate::condition::read(family, &words) {
            for condition in conditions {
                prop_assert_eq!(condition.family, family);
                if let PacketMatch::Source(network) | PacketMatch::Destination(network) = condition.matches {
                    prop_assert_eq!(IpFamily::of(network.addr()), family);
                    prop_assert_eq!(network, network.trunc());
                }
            }
        }
    }

    /// The two languages say the same.
    #[test]
    fn what_both_languages_say_is_read_alike(
        address in any::<u32>(), length in 0..=32u8, negated in any::<bool>(), value in any::<u32>(), mask in any::<u32>(),
    ) {
        let address = std::net::Ipv4Addr::from(address);
        let value = value & mask;
        let (not, unequal) = if negated { ("!", "!=") } else { ("", "") };
        let iptables = format!("-d 0.0.0.0/0 {not} -s {address}/{length} -m mark {not} --mark {value:#x}/{mask}");
        let nftables = format!("ip daddr 0.0.0.0/0 ip saddr {unequal} {address}/{length} mark & {mask} {unequal} {value}");
        prop_assert_eq!(
            crate::condition::read(IpFamily::Ipv4, &[iptables]),
            crate::condition::read(IpFamily::Ipv4, &[nftables])
        );
        let read = crate::condition::read(IpFamily::Ipv4, &[format!("-d 0.0.0.0/0 {not} -s {address}/{length}")]).unwrap();
        let network = ipnet::IpNet::new(address.into(), length).unwrap().trunc();
        prop_assert_eq!(&read[1], &v4(negated, PacketMatch::Source(network)));
    }
}

use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionGeneric, TcActionMirror, TcActionMirrorOption,
    TcActionOption, TcActionType, TcAttribute, TcFilterU32, TcFilterU32Option, TcHandle, TcMessage,
    TcMirror, TcMirrorActionType, TcOption, TcU32Key, TcU32Selector, TcU32SelectorFlags,
};
use nix::errno::Errno;
use plan::{LinkKind, Mismatch, Redirect};
use rtnetlink::LinkUnspec;

use crate::linux::verify::Differences;
use crate::linux::{Linux, find, find_required, set};
use crate::netlink::{FilterState, LinkState, Refusal, tc_message};
use crate::{KernelError, Place, Presence, Undone};

const INGRESS: &str = "ingress";
/// Has two places for filters; others put it on their links for programs of eBPF.
const CLSACT: &str = "clsact";
/// The number that the kernel gives to either.
const INGRESS_HANDLE: TcHandle = TcHandle {
    major: 0xffff,
    minor: 0,
};
/// `TC_H_MIN_INGRESS` of `clsact`.
const CLSACT_INGRESS: TcHandle = TcHandle {
    major: 0xffff,
    minor: TcHandle::MIN_INGRESS,
};

/// Tells our filter from others'.
const PREFERENCE: u16 = 0x7763;
/// `ETH_P_ALL`.
const ALL_PROTOCOLS: u16 = 3;

impl Linux {
    pub(in crate::linux) fn redirect(&self, wanted: &Redirect) -> Result<(), KernelError> {
        let link = find_required(&self.host, &wanted.link, Place::Host)?;
        let target = find_required(&self.host, &wanted.target, Place::Host)?;
        self.fit(&target, &link)?;
        let place = match self.filter_place(&link)? {
            Some((_, place)) => place,
            None => {
                self.add_ingress(&link)?;
                INGRESS_HANDLE
            }
        };
        let redirected = self.our_filters(&link, place)?;
        if redirected.contains(&Some(target.index)) {
            return Ok(());
        }
        self.host
            .add_filter(filter(link.index, place, target.index))
            .map_err(|refusal| {
                let doing = format!("redirecting {} to {}", wanted.link, wanted.target);
                unknown(
                    refusal,
                    doing,
                    "u32 filter with a redirection",
                    "CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED",
                )
            })
    }

    /// An intermediate functional block takes frames as large as the link's.
    fn fit(&self, target: &LinkState, link: &LinkState) -> Result<(), KernelError> {
        if target.kind != LinkKind::Ifb.name() || target.mtu >= link.mtu {
            return Ok(());
        }
        let message = LinkUnspec::new_with_index(target.index).mtu(link.mtu);
        set(&self.host, message.build(), || {
            format!("setting the MTU of {}", target.name)
        })
    }

    fn add_ingress(&self, link: &LinkState) -> Result<(), KernelError> {
        let kind = [TcAttribute::Kind(INGRESS.into())];
        let mut message = tc_message(link.index, TcHandle::INGRESS, kind);
        message.header.handle = INGRESS_HANDLE;
        self.host.put_qdisc(message).map_err(|refusal| {
            let doing = format!("filtering what {} receives", link.name);
            unknown(refusal, doing, "ingress queue", "CONFIG_NET_SCH_INGRESS")
        })
    }

    pub(in crate::linux) fn compare_redirect(
        &self,
        wanted: &Redirect,
    ) -> Result<Vec<Mismatch>, KernelError> {
        let differences = Differences::default();
        for name in [&wanted.link, &wanted.target] {
            if find(&self.host, name)?.is_none() {
                return Ok(differences.missing(format!("link {name} {}", Place::Host)));
            }
        }
        let link = find_required(&self.host, &wanted.link, Place::Host)?;
        let target = find_required(&self.host, &wanted.target, Place::Host)?;
        let redirected = match self.filter_place(&link)? {
            Some((_, place)) => self.our_filters(&link, place)?,
            None => Vec::new(),
        };
        if redirected.contains(&Some(target.index)) {
            return Ok(differences.found);
        }
        Ok(differences.missing(format!(
            "redirection of {} to {}",
            wanted.link, wanted.target
        )))
    }

    pub(in crate::linux) fn delete_redirect(&self, name: &str) -> Result<Undone, KernelError> {
        let Some(link) = find(&self.host, name)? else {
            return Ok(Undone::AlreadyGone);
        };
        let Some((kind, place)) = self.filter_place(&link)? else {
            return Ok(Undone::AlreadyGone);
        };
        let filters = self.all_filters(&link, place)?;
        let ours = filters.iter().filter(|filter| is_ours(filter)).count();
        let outcome = if kind == INGRESS && ours == filters.len() {
            let message = tc_message(link.index, TcHandle::INGRESS, [TcAttribute::Kind(kind)]);
            self.host.delete_qdisc(message)
        } else if ours == 0 {
            return Ok(Undone::AlreadyGone);
        } else {
            let mut message = tc_message(link.index, place, []);
            message.header.info = info();
            self.host.delete_filter(message)
        };
        match outcome {
            Ok(()) => Ok(Undone::Done),
            Err(refusal) if vanished(&refusal) => Ok(Undone::AlreadyGone),
            Err(refusal) => Err(refusal.when(format!("ending the redirection of {name}"))),
        }
    }

    pub(in crate::linux) fn redirect_presence(&self, name: &str) -> Result<Presence, KernelError> {
        let ours = match find(&self.host, name)? {
            None => Vec::new(),
            Some(link) => match self.filter_place(&link)? {
                None => Vec::new(),
                Some((_, place)) => self.our_filters(&link, place)?,
            },
        };
        Ok(if ours.is_empty() {
            Presence::Gone
        } else {
            Presence::Present
        })
    }

    /// The kind of what looks at received packets, and where filters go there.
    fn filter_place(&self, link: &LinkState) -> Result<Option<(String, TcHandle)>, KernelError> {
        let found = self.host.qdisc(link.index, TcHandle::INGRESS);
        let found = found.map_err(|refusal| {
            refusal.when(format!("reading the ingress queue of {}", link.name))
        })?;
        Ok(found.map(|qdisc| {
            let place = place_of(&qdisc.kind).unwrap_or(INGRESS_HANDLE);
            (qdisc.kind, place)
        }))
    }

    fn all_filters(
        &self,
        link: &LinkState,
        place: TcHandle,
    ) -> Result<Vec<FilterState>, KernelError> {
        self.filters_at(link.index, place, || link.name.clone())
    }

    /// None where link or queue have gone meanwhile.
    pub(super) fn filters_at(
        &self,
        index: u32,
        place: TcHandle,
        name: impl Fn() -> String,
    ) -> Result<Vec<FilterState>, KernelError> {
        match self.host.filters(index, place) {
            Ok(filters) => Ok(filters),
            Err(refusal) if vanished(&refusal) => Ok(Vec::new()),
            Err(refusal) => Err(refusal.when(format!("reading the filters of {}", name()))),
        }
    }

    /// Where each of our filters redirects to. A u32 filter shows its tables of keys too, as filters without an action.
    fn our_filters(
        &self,
        link: &LinkState,
        place: TcHandle,
    ) -> Result<Vec<Option<u32>>, KernelError> {
        let filters = self.all_filters(link, place)?.into_iter();
        Ok(filters
            .filter(is_ours)
            .map(|filter| filter.redirects_to)
            .collect())
    }
}

/// Where the filters are of a queue of this kind that looks at received packets.
pub(super) fn place_of(kind: &str) -> Option<TcHandle> {
    match kind {
        INGRESS => Some(INGRESS_HANDLE),
        CLSACT => Some(CLSACT_INGRESS),
        _ => None,
    }
}

fn is_ours(filter: &FilterState) -> bool {
    filter.preference == PREFERENCE
}

fn vanished(refusal: &Refusal) -> bool {
    matches!(refusal.errno, Errno::ENODEV | Errno::ENOENT)
}

/// Asked to make something of a kind that it does not know, the kernel says ENOENT.
fn unknown(
    refusal: Refusal,
    doing: String,
    feature: &'static str,
    option: &'static str,
) -> KernelError {
    if refusal.errno == Errno::ENOENT {
        return KernelError::Unsupported {
            doing,
            feature,
            option,
        };
    }
    refusal.when(doing)
}

/// `tcm_info` of a filter: its preference, and the protocol in network byte order.
fn info() -> u32 {
    u32::from(PREFERENCE) << 16 | u32::from(ALL_PROTOCOLS.to_be())
}

/// Every packet: one key that compares no bit. Kernels without the `matchall` filter have this one.
fn filter(index: u32, place: TcHandle, target: u32) -> TcMessage {
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    selector.nkeys = 1;
    selector.keys = vec![TcU32Key::default()];
    let mut generic = TcActionGeneric::default();
    generic.action = TcActionType::Stolen;
    let mut mirror = TcMirror::default();
    mirror.generic = generic;
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = target;
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.into()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(
            mirror,
        ))]),
    ];
    let options = [
        TcFilterU32Option::Selector(selector),
        TcFilterU32Option::Action(vec![action]),
    ];
    let mut message = tc_message(
        index,
        place,
        [
            TcAttribute::Kind(TcFilterU32::KIND.into()),
            TcAttribute::Options(options.into_iter().map(TcOption::U32).collect()),
        ],
    );
    message.header.info = info();
    message
}

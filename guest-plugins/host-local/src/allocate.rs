use std::net::IpAddr;

use wasm_cni_guest::{
    AddressRequest, Allocation, Attachment, Dns, Failure, Host, InterfaceAddress, Ipam, Leases,
    ReserveError,
};

use crate::HostLocal;
use crate::range_set::RangeSet;

impl Ipam for HostLocal {
    fn configure(text: &str) -> Result<Self, Failure> {
        Self::configure_beside(text, &[])
    }

    fn allocate(
        &self,
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        self.allocate_preferring(&[], attachment, resolver, host)
    }

    fn status(&self, host: &impl Host) -> Result<(), Failure> {
        let full: Vec<String> = self
            .sets
            .iter()
            .filter(|set| {
                let usage = host.usage(set.available());
                // What cools down counts as left: an ADD would take it.
                usage.taken >= usage.capacity
            })
            .map(|set| exhausted(set, host))
            .collect();
        if full.is_empty() {
            Ok(())
        } else {
            Err(Failure::Exhausted(full.join("; ")))
        }
    }
}

impl HostLocal {
    /// [`allocate`](Ipam::allocate), but where nothing is requested one of these addresses is given, if it is free.
    ///
    /// # Errors
    /// As of `allocate`. An address that can't be had is passed over.
    pub fn allocate_preferring(
        &self,
        preferred: &[IpAddr],
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        let requests = self.match_requests(&attachment.requested_addresses)?;
        let held = host.held();
        let mut addresses = Vec::with_capacity(self.sets.len());
        for (set, request) in self.sets.iter().zip(requests) {
            let address = choose(set, request, &held, preferred, host)?;
            addresses.push(answer(set, address)?);
        }
        Ok(Allocation {
            addresses,
            routes: self.routes.clone(),
            dns: resolver.unwrap_or_default(),
        })
    }

    /// For each set the request that it serves.
    fn match_requests<'a>(
        &self,
        requests: &'a [AddressRequest],
    ) -> Result<Vec<Option<&'a AddressRequest>>, Failure> {
        let mut matched: Vec<Option<&AddressRequest>> = vec![None; self.sets.len()];
        let mut strays = Vec::new();
        for request in requests {
            let address = request.address;
            let found = self
                .sets
                .iter()
                .zip(&mut matched)
                .find(|(set, _)| set.range_of(address).is_some());
            let Some((set, slot)) = found else {
                strays.push(describe(request));
                continue;
            };
            if let Some(why) = set.objection(address) {
                return Err(Failure::Denied(format!(
                    "{} can't be handed out: {why}",
                    describe(request)
                )));
            }
            match slot {
                // The same address may be asked for by two ways.
                Some(other) if other.address == address => {}
                Some(other) => {
                    return Err(Failure::Denied(format!(
                        "{} and {} are both of range set {set}, which gives one address to an interface",
                        describe(other),
                        describe(request)
                    )));
                }
                None => *slot = Some(request),
            }
        }
        if strays.is_empty() {
            return Ok(matched);
        }
        let sets: Vec<String> = self.sets.iter().map(ToString::to_string).collect();
        Err(Failure::Denied(format!(
            "{} in no range set of this network: {}",
            strays.join(", "),
            sets.join("; ")
        )))
    }
}

fn describe(request: &AddressRequest) -> String {
    format!(
        "requested address {} ({})",
        request.address,
        request.source.name()
    )
}

/// Reserve one address of the set. An attachment that holds one already keeps it: a repeated ADD adds nothing.
fn choose(
    set: &RangeSet,
    request: Option<&AddressRequest>,
    held: &[IpAddr],
    preferred: &[IpAddr],
    host: &impl Leases,
) -> Result<IpAddr, Failure> {
    let held = held
        .iter()
        .copied()
        .find(|address| set.range_of(*address).is_some());
    match (request, held) {
        (None, Some(held)) => Ok(held),
        (Some(request), Some(held)) if request.address == held => Ok(held),
        (Some(request), Some(held)) => Err(Failure::Denied(format!(
            "{} can't be given: this attachment holds {held} of range set {set} already; delete it first",
            describe(request)
        ))),
        (Some(request), None) => match host.reserve(request.address) {
            Ok(()) => Ok(request.address),
            Err(error) => Err(Failure::from(error).context(describe(request))),
        },
        (None, None) => {
            for address in preferred.iter().filter(|address| set.offers(**address)) {
                match host.reserve(*address) {
                    Ok(()) => return Ok(*address),
                    Err(ReserveError::Taken(_) | ReserveError::OutsideRanges) => {}
                    Err(error) => return Err(Failure::from(error).context(address)),
                }
            }
            let available = set.available();
            host.reserve_next(available, host.last_reserved(available))
                .map_err(|error| match error {
                    ReserveError::Exhausted => Failure::Exhausted(exhausted(set, host)),
                    error => Failure::from(error).context(format!("range set {set}")),
                })
        }
    }
}

fn exhausted(set: &RangeSet, host: &impl Leases) -> String {
    let usage = host.usage(set.available());
    format!(
        "no address is left in range set {set}: {} of {} addresses taken; widen the ranges or delete attachments",
        usage.taken, usage.capacity
    )
}

fn answer(set: &RangeSet, address: IpAddr) -> Result<InterfaceAddress, Failure> {
    let Some(range) = set.range_of(address) else {
        return Err(Failure::Other(format!(
            "the host reserved {address}, which is not in range set {set}"
        )));
    };
    InterfaceAddress::new(address, range.subnet.prefix_len(), Some(range.gateway))
}

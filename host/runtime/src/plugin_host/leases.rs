use std::net::IpAddr;

use engine::{ReserveError, ServiceError, UsageCount};
use plan::{AddressPolicy, Attachment, NetworkTag};
use store::{AddressRange, CoolDown, Reservation, Store, UnixSeconds};

use crate::clock::unix_seconds;
use crate::log::Log;
use crate::node::Node;
use crate::{quarantine, sweep};

/// Addresses of one network, for one attachment.
pub(crate) struct Leases {
    store: Store,
    attachment: Attachment,
    policy: AddressPolicy,
    now: UnixSeconds,
    /// What this very call has reserved, and may therefore give back.
    reserved: Vec<IpAddr>,
    /// The network was swept in this call. Once is enough, however often a plugin asks for what is taken.
    swept: bool,
    log: Log,
}

impl Leases {
    /// Of the attachment's network, as far as the policy allows.
    pub(crate) fn of(
        node: &Node,
        store: &Store,
        attachment: &Attachment,
        policy: &AddressPolicy,
    ) -> Self {
        Self {
            store: store.clone(),
            attachment: attachment.clone(),
            policy: policy.clone(),
            now: unix_seconds(node.now),
            reserved: Vec::new(),
            swept: false,
            log: node.log.clone(),
        }
    }

    fn network(&self) -> NetworkTag {
        self.attachment.network_tag()
    }

    /// Frees what is provably gone; true if that was not tried before in this call.
    fn sweep_once(&mut self) -> bool {
        if self.swept {
            return false;
        }
        self.swept = true;
        sweep::network(&self.store, self.network(), &self.log, self.now);
        true
    }

    /// What the policy leaves of the plugin's ranges.
    fn clip(&self, ranges: &[engine::AddressRange]) -> Vec<AddressRange> {
        let clipped = ranges
            .iter()
            .flat_map(|range| self.policy.clip(range.first, range.last));
        clipped
            .map(|(first, last)| AddressRange { first, last })
            .collect()
    }

    /// The next free address that no live container had when the node's state was lost.
    fn next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<Option<IpAddr>, store::ReserveError> {
        let network = self.network();
        loop {
            let next =
                self.store
                    .reserve_next(network, ranges, after, &self.attachment, self.now)?;
            match next {
                Some(address) if quarantine::withhold(&self.store, &self.attachment, address)? => {}
                next => return Ok(next),
            }
        }
    }

    fn by_name(&self, address: IpAddr) -> Result<Reservation, store::ReserveError> {
        let reserve = || {
            self.store
                .reserve(self.network(), address, &self.attachment, self.now)
        };
        let reservation = reserve()?;
        if reservation == Reservation::New
            && quarantine::withhold(&self.store, &self.attachment, address)?
        {
            // It answers with what stands against it.
            return reserve();
        }
        Ok(reservation)
    }
}

fn refusal(error: store::ReserveError) -> ReserveError {
    match error {
        store::ReserveError::Taken { by } => ReserveError::Taken {
            holder: match by.attachment {
                Some(attachment) => attachment.to_string(),
                None => "a link whose record is lost".into(),
            },
        },
        store::ReserveError::TooMany => ReserveError::TooMany,
        store::ReserveError::Store(error) => ReserveError::Unavailable(Box::new(error)),
    }
}

impl engine::Leases for Leases {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        if !self.policy.allows(address) {
            return Err(ReserveError::OutsideRanges);
        }
        let reservation = match self.by_name(address) {
            // The holder may be gone without anybody having told us.
            Err(store::ReserveError::Taken { .. }) if self.sweep_once() => self.by_name(address),
            other => other,
        };
        if reservation.map_err(refusal)? == Reservation::New {
            self.reserved.push(address);
        }
        Ok(())
    }

    fn reserve_next(
        &mut self,
        ranges: &[engine::AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let ranges = self.clip(ranges);
        if ranges.is_empty() {
            return Err(ReserveError::OutsideRanges);
        }
        let mut next = self.next(&ranges, after).map_err(refusal)?;
        if next.is_none() && self.sweep_once() {
            next = self.next(&ranges, after).map_err(refusal)?;
        }
        let address = next.ok_or(ReserveError::Exhausted)?;
        self.reserved.push(address);
        Ok(address)
    }

    fn last_reserved(
        &mut self,
        ranges: &[engine::AddressRange],
    ) -> Result<Option<IpAddr>, ServiceError> {
        Ok(self
            .store
            .last_reserved(self.network(), &self.clip(ranges))?)
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        let leases = self.store.held(&self.attachment.key())?;
        Ok(leases.into_iter().map(|lease| lease.address).collect())
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        let Some(position) = self
            .reserved
            .iter()
            .position(|reserved| *reserved == address)
        else {
            return Ok(false);
        };
        self.reserved.swap_remove(position);
        Ok(self
            .store
            .release_one(self.network(), address, &self.attachment, CoolDown::NONE)?)
    }

    fn usage(&mut self, ranges: &[engine::AddressRange]) -> Result<UsageCount, ServiceError> {
        let usage = self.store.usage(self.network(), &self.clip(ranges))?;
        Ok(UsageCount {
            capacity: usage.capacity,
            taken: usage.taken,
            cooling: usage.cooling,
        })
    }
}

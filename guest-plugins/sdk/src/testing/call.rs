use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Duration;

use super::storage::Owner;
use super::{Key, Node};
use crate::{
    AddressRange, Clock, Leases, Level, Log, ReserveError, Scope, Storage, StorageError, Usage,
};

/// The most addresses that one call may reserve.
const MOST_ADDRESSES: usize = 64;
/// The most ranges that `reserve_next` takes.
const MOST_RANGES: usize = 1024;

/// The host as a plugin sees it during one call.
#[derive(Debug)]
pub struct Call<'node> {
    node: &'node Node,
    network: String,
    /// None where no attachment is at hand.
    attachment: Option<Key>,
    read_only: bool,
    reserved: RefCell<Vec<IpAddr>>,
    now: Duration,
}

impl<'node> Call<'node> {
    pub(super) fn writing(node: &'node Node, attachment: Key) -> Self {
        let network = attachment.0.clone();
        Self {
            read_only: false,
            ..Self::reading(node, &network, Some(attachment))
        }
    }

    pub(super) fn reading(node: &'node Node, network: &str, attachment: Option<Key>) -> Self {
        Self {
            node,
            network: network.to_owned(),
            attachment,
            read_only: true,
            reserved: RefCell::default(),
            now: node.state.borrow().now,
        }
    }

    /// The attachment for which this call may reserve one more address.
    fn holder(&self) -> Result<&Key, ReserveError> {
        if self.reserved.borrow().len() >= MOST_ADDRESSES {
            return Err(ReserveError::TooMany);
        }
        match &self.attachment {
            Some(key) if !self.read_only => Ok(key),
            Some(_) | None => Err(ReserveError::Unavailable(
                "this kind of call may not reserve".to_owned(),
            )),
        }
    }

    /// What of the ranges may be reserved, in their order.
    fn clip(&self, ranges: &[AddressRange]) -> Vec<AddressRange> {
        match &self.node.state.borrow().allowed {
            None => ranges.to_vec(),
            Some(allowed) => ranges
                .iter()
                .flat_map(|range| allowed.iter().filter_map(|part| range.intersection(part)))
                .collect(),
        }
    }

    fn owner(&self, scope: Scope) -> Result<Owner, StorageError> {
        match (scope, &self.attachment) {
            (Scope::Durable, _) => Ok(Owner::Network(self.network.clone())),
            (Scope::Attachment, Some(key)) => Ok(Owner::Attachment(key.clone())),
            (Scope::Attachment, None) => Err(StorageError::Unavailable(
                "no attachment is at hand".to_owned(),
            )),
        }
    }

    fn writable(&self) -> Result<(), StorageError> {
        if self.read_only {
            Err(StorageError::ReadOnly)
        } else {
            Ok(())
        }
    }
}

impl Leases for Call<'_> {
    fn reserve(&self, address: IpAddr) -> Result<(), ReserveError> {
        let holder = self.holder()?;
        if self.held().contains(&address) {
            return Ok(());
        }
        if self.clip(&[AddressRange::single(address)]).is_empty() {
            return Err(ReserveError::OutsideRanges);
        }
        self.node
            .network(&self.network, |leases| leases.reserve(holder, address))?;
        self.reserved.borrow_mut().push(address);
        Ok(())
    }

    fn reserve_next(
        &self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let holder = self.holder()?;
        let mixed = ranges
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one.is_ipv4() != other.is_ipv4()));
        if ranges.len() > MOST_RANGES || mixed {
            return Err(ReserveError::Unavailable(
                "reserve-next takes at most 1024 ranges, all of one family".to_owned(),
            ));
        }
        let ranges = self.clip(ranges);
        if ranges.is_empty() {
            return Err(ReserveError::OutsideRanges);
        }
        let address = self.node.network(&self.network, |leases| {
            leases.reserve_next(holder, &ranges, after)
        })?;
        self.reserved.borrow_mut().push(address);
        Ok(address)
    }

    fn last_reserved(&self, ranges: &[AddressRange]) -> Option<IpAddr> {
        let ranges = self.clip(ranges);
        self.node
            .network(&self.network, |leases| leases.last_reserved(&ranges))
    }

    fn held(&self) -> Vec<IpAddr> {
        self.attachment.as_ref().map_or_else(Vec::new, |key| {
            self.node.network(&self.network, |leases| leases.held(key))
        })
    }

    fn release(&self, address: IpAddr) -> bool {
        let mut reserved = self.reserved.borrow_mut();
        let Some(index) = reserved.iter().position(|held| *held == address) else {
            return false;
        };
        reserved.swap_remove(index);
        self.node.network(&self.network, |leases| {
            leases.leases.remove(&address);
        });
        true
    }

    fn usage(&self, ranges: &[AddressRange]) -> Usage {
        let ranges = self.clip(ranges);
        self.node
            .network(&self.network, |leases| leases.usage(&ranges))
    }
}

impl Storage for Call<'_> {
    fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let owner = self.owner(scope)?;
        self.node.state.borrow().values.get(owner, key)
    }

    fn set(&self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.writable()?;
        let owner = self.owner(scope)?;
        self.node.state.borrow_mut().values.set(owner, key, value)
    }

    fn delete(&self, scope: Scope, key: &str) -> Result<(), StorageError> {
        self.writable()?;
        let owner = self.owner(scope)?;
        self.node.state.borrow_mut().values.delete(owner, key)
    }

    fn count(&self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        let state = self.node.state.borrow();
        Ok(state.values.count(&self.network, scope, prefix))
    }
}

impl Clock for Call<'_> {
    fn now(&self) -> Duration {
        self.now
    }
}

impl Log for Call<'_> {
    fn log(&self, level: Level, message: &str) {
        self.node.log.borrow_mut().push((level, message.to_owned()));
    }
}

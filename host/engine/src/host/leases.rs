use std::net::IpAddr;

use plan::Family;

use crate::bindings::leases::{Host, ReserveFailure, UsageCount};
use crate::bindings::types;
use crate::outcome::Misuse;
use crate::sandbox::{Breach, CallState};
use crate::services::{self, AddressRange, ReserveError};
use crate::{lift, lower};

/// As the contract says.
const MOST_RANGES: usize = 1024;

impl Host for CallState {
    fn reserve(
        &mut self,
        address: types::IpAddress,
    ) -> wasmtime::Result<Result<(), ReserveFailure>> {
        self.budget.charge(size_of::<types::IpAddress>())?;
        let reserved = self.leases("reserve")?.reserve(lift::address(address));
        Ok(reserved.map_err(failure))
    }

    fn reserve_next(
        &mut self,
        ranges: Vec<types::AddressRange>,
        after: Option<types::IpAddress>,
    ) -> wasmtime::Result<Result<types::IpAddress, ReserveFailure>> {
        let ranges = self.ranges(&ranges)?;
        let leases = self.leases("reserve-next")?;
        if ranges.is_empty() {
            return Ok(Err(ReserveFailure::Exhausted));
        }
        let reserved = leases.reserve_next(&ranges, after.map(lift::address));
        Ok(reserved.map(lower::address).map_err(failure))
    }

    fn last_reserved(
        &mut self,
        ranges: Vec<types::AddressRange>,
    ) -> wasmtime::Result<Option<types::IpAddress>> {
        let ranges = self.ranges(&ranges)?;
        let leases = self.leases("last-reserved")?;
        if ranges.is_empty() {
            return Ok(None);
        }
        let last = leases.last_reserved(&ranges).map_err(Breach::Service)?;
        Ok(last.map(lower::address))
    }

    fn held(&mut self) -> wasmtime::Result<Vec<types::IpAddress>> {
        self.budget.charge(0)?;
        let held = self.leases("held")?.held().map_err(Breach::Service)?;
        Ok(held.into_iter().map(lower::address).collect())
    }

    fn release(&mut self, address: types::IpAddress) -> wasmtime::Result<bool> {
        self.budget.charge(size_of::<types::IpAddress>())?;
        let released = self.leases("release")?.release(lift::address(address));
        Ok(released.map_err(Breach::Service)?)
    }

    fn usage(&mut self, ranges: Vec<types::AddressRange>) -> wasmtime::Result<UsageCount> {
        let ranges = self.ranges(&ranges)?;
        let leases = self.leases("usage")?;
        let usage = match ranges.as_slice() {
            [] => services::UsageCount::default(),
            ranges => leases.usage(ranges).map_err(Breach::Service)?,
        };
        let services::UsageCount {
            capacity,
            taken,
            cooling,
        } = usage;
        Ok(UsageCount {
            capacity,
            taken,
            cooling,
        })
    }
}

impl CallState {
    fn ranges(&mut self, ranges: &[types::AddressRange]) -> Result<Vec<AddressRange>, Breach> {
        self.budget.charge(size_of_val(ranges))?;
        Ok(checked(ranges)?)
    }
}

fn checked(ranges: &[types::AddressRange]) -> Result<Vec<AddressRange>, Misuse> {
    if ranges.len() > MOST_RANGES {
        return Err(Misuse::TooManyRanges(ranges.len()));
    }
    let ranges: Vec<AddressRange> = ranges.iter().map(range).collect::<Result<_, _>>()?;
    let mut families = ranges.iter().map(|range| Family::of(range.first));
    let first = families.next();
    if families.any(|family| Some(family) != first) {
        return Err(Misuse::MixedFamilies);
    }
    Ok(ranges)
}

fn range(range: &types::AddressRange) -> Result<AddressRange, Misuse> {
    let (first, last): (IpAddr, IpAddr) = (lift::address(range.first), lift::address(range.last));
    if Family::of(first) != Family::of(last) || first > last {
        return Err(Misuse::NotARange(first, last));
    }
    Ok(AddressRange { first, last })
}

fn failure(error: ReserveError) -> ReserveFailure {
    match error {
        ReserveError::Taken { holder } => ReserveFailure::Taken(holder),
        ReserveError::OutsideRanges => ReserveFailure::OutsideRanges,
        ReserveError::Exhausted => ReserveFailure::Exhausted,
        ReserveError::TooMany => ReserveFailure::TooMany,
        ReserveError::Unavailable(source) => ReserveFailure::Unavailable(source.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wit(first: &str, last: &str) -> types::AddressRange {
        let address = |text: &str| lower::address(text.parse().unwrap());
        types::AddressRange {
            first: address(first),
            last: address(last),
        }
    }

    #[test]
    fn ranges_of_one_family_pass() {
        let ranges = [wit("10.0.0.1", "10.0.0.9"), wit("10.0.1.1", "10.0.1.1")];
        assert_eq!(checked(&ranges).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_range_is_named() {
        for (first, last) in [("10.0.0.9", "10.0.0.1"), ("10.0.0.1", "::2")] {
            let refused = checked(&[wit(first, last)]);
            let ends = (first.parse().unwrap(), last.parse().unwrap());
            assert_eq!(refused, Err(Misuse::NotARange(ends.0, ends.1)));
        }
    }

    #[test]
    fn families_are_not_mixed() {
        let ranges = [wit("10.0.0.1", "10.0.0.9"), wit("::1", "::2")];
        assert_eq!(checked(&ranges), Err(Misuse::MixedFamilies));
    }

    #[test]
    fn ranges_are_bounded() {
        let ranges = vec![wit("10.0.0.1", "10.0.0.9"); MOST_RANGES + 1];
        assert_eq!(
            checked(&ranges),
            Err(Misuse::TooManyRanges(MOST_RANGES + 1))
        );
    }
}

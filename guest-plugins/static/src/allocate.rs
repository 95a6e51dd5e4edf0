use std::net::IpAddr;

use wasm_cni_guest::{
    AddressRequest, Allocation, Attachment, Dns, Failure, Host, InterfaceAddress, Ipam,
    RequestSource, require_held,
};

use crate::Static;
use crate::config::objection;

impl Ipam for Static {
    fn configure(text: &str) -> Result<Self, Failure> {
        Self::parse(text)
    }

    fn allocate(
        &self,
        attachment: &Attachment,
        _: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        let addresses = self.wanted(&attachment.requested_addresses)?;
        if addresses.is_empty() {
            return Err(Failure::InvalidConfig(
                "ipam.addresses: no address is configured and the runtime asks for none; name an address here, or give \
                 one in runtimeConfig.ips"
                    .to_owned(),
            ));
        }
        for wanted in &addresses {
            let address = wanted.address.addr();
            host.reserve(address)
                .map_err(|error| Failure::from(error).context(format!("address {address}")))?;
        }
        Ok(Allocation {
            addresses,
            routes: self.routes.clone(),
            dns: self.dns.clone(),
        })
    }

    fn check(
        &self,
        attachment: &Attachment,
        allocation: &Allocation,
        host: &impl Host,
    ) -> Result<(), Failure> {
        require_held(attachment, allocation, host)?;
        for wanted in self.wanted(&attachment.requested_addresses)? {
            let Some(configured) = wanted.gateway else {
                continue;
            };
            let mut others = allocation
                .addresses
                .iter()
                .filter(|given| given.address.addr() == wanted.address.addr())
                .filter_map(|given| given.gateway)
                .filter(|gateway| *gateway != configured);
            if let Some(other) = others.next() {
                return Err(Failure::Other(format!(
                    "the gateway of {} is {other}, and {configured} is configured; delete and add the attachment again",
                    wanted.address
                )));
            }
        }
        Ok(())
    }
}

impl Static {
    /// The addresses of the most specific source that names any.
    fn wanted(&self, requests: &[AddressRequest]) -> Result<Vec<InterfaceAddress>, Failure> {
        for source in [RequestSource::RuntimeConfig, RequestSource::Args] {
            let wanted = self.requested(requests, source, Vec::new())?;
            if !wanted.is_empty() {
                return Ok(wanted);
            }
        }
        let mut wanted =
            self.requested(requests, RequestSource::CniArgs, self.addresses.clone())?;
        for gateway in requests
            .iter()
            .filter(|request| request.source == RequestSource::CniArgs)
            .filter_map(|request| request.gateway)
        {
            set_gateway(&mut wanted, gateway)?;
        }
        Ok(wanted)
    }

    /// Add what is requested by one way.
    fn requested(
        &self,
        requests: &[AddressRequest],
        source: RequestSource,
        mut wanted: Vec<InterfaceAddress>,
    ) -> Result<Vec<InterfaceAddress>, Failure> {
        for request in requests.iter().filter(|request| request.source == source) {
            let address = self.complete(request)?;
            if wanted
                .iter()
                .all(|other| other.address.addr() != address.address.addr())
            {
                wanted.push(address);
            }
        }
        Ok(wanted)
    }

    /// A requested address with its prefix length: the request's, or that of the one configured network around it.
    fn complete(&self, request: &AddressRequest) -> Result<InterfaceAddress, Failure> {
        let address = request.address;
        let named = || format!("requested address {address} ({})", request.source.name());
        if let Some(prefix_length) = request.prefix_length {
            return InterfaceAddress::new(address, prefix_length, None)
                .map_err(|failure| failure.context(named()));
        }
        let configured = || {
            self.addresses
                .iter()
                .filter(|configured| configured.address.contains(&address))
        };
        let around = distinct(configured().map(|around| around.address.trunc()));
        let gateway = match distinct(configured().filter_map(|around| around.gateway)).as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        match around.as_slice() {
            [network] => InterfaceAddress::new(address, network.prefix_len(), gateway)
                .map_err(|failure| failure.context(named())),
            networks => Err(Failure::Denied(format!(
                "{} has no prefix length and {} of the networks in ipam.addresses contain it; ask for it as \
                 {address}/LENGTH",
                named(),
                networks.len()
            ))),
        }
    }
}

/// Give a gateway to every address in whose network it lies.
fn set_gateway(addresses: &mut [InterfaceAddress], gateway: IpAddr) -> Result<(), Failure> {
    for address in addresses
        .iter_mut()
        .filter(|address| address.address.contains(&gateway))
    {
        if let Some(why) = objection(address.address, gateway) {
            return Err(Failure::Denied(format!(
                "requested gateway {gateway} (CNI_ARGS) of {}: {why}",
                address.address
            )));
        }
        address.gateway = Some(gateway);
    }
    Ok(())
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

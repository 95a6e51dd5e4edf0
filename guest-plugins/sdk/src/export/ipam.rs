use std::marker::PhantomData;

use crate::bindings::exports::wasm_cni::plugin::ipam::Guest;
use crate::bindings::wasm_cni::plugin::types;
use crate::imports::Imports;
use crate::{Attachment, Dns, Ipam};

/// The component's side of an IPAM plugin.
#[derive(Debug)]
pub struct ExportedIpam<P>(PhantomData<P>);

impl<P: Ipam> Guest for ExportedIpam<P> {
    fn validate(config: String) -> Result<(), types::Failure> {
        P::configure(&config)?;
        Ok(())
    }

    fn allocate(
        attachment: types::Attachment,
        config: String,
        resolver: Option<types::Dns>,
    ) -> Result<types::Allocation, types::Failure> {
        let plugin = P::configure(&config)?;
        let allocation = plugin.allocate(
            &Attachment::from(attachment),
            resolver.map(Dns::from),
            &Imports,
        )?;
        Ok(allocation.into())
    }

    fn release(attachment: types::Attachment, config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.release(&Attachment::from(attachment), &Imports)?;
        Ok(())
    }

    fn check(
        attachment: types::Attachment,
        config: String,
        allocation: types::Allocation,
    ) -> Result<(), types::Failure> {
        let plugin = P::configure(&config)?;
        plugin.check(
            &Attachment::from(attachment),
            &allocation.try_into()?,
            &Imports,
        )?;
        Ok(())
    }

    fn status(config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.status(&Imports)?;
        Ok(())
    }
}

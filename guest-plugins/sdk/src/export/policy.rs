use std::marker::PhantomData;

use crate::bindings::policy::exports::wasm_cni::plugin::policy::Guest;
use crate::bindings::wasm_cni::plugin::types;
use crate::imports::Imports;
use crate::{Attachment, Policy};

/// The component's side of a policy plugin.
#[derive(Debug)]
pub struct ExportedPolicy<P>(PhantomData<P>);

impl<P: Policy> Guest for ExportedPolicy<P> {
    fn validate(config: String) -> Result<(), types::Failure> {
        P::configure(&config)?;
        Ok(())
    }

    fn amend(attachment: types::Attachment, config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.amend(&Attachment::from(attachment), &Imports)?;
        Ok(())
    }

    fn release(attachment: types::Attachment, config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.release(&Attachment::from(attachment), &Imports)?;
        Ok(())
    }

    fn check(attachment: types::Attachment, config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.check(&Attachment::from(attachment), &Imports)?;
        Ok(())
    }

    fn status(config: String) -> Result<(), types::Failure> {
        P::configure(&config)?.status(&Imports)?;
        Ok(())
    }
}

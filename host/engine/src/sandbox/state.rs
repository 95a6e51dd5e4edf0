use std::time::{Instant, SystemTime};

use plan::Proposal;
use sha2::{Digest, Sha256};

use super::budget::HostCallBudget;
use super::limiter::SummingLimiter;
use crate::grants::Grants;
use crate::host::{ChangeBuffer, Transcript};
use crate::limits::Limits;
use crate::services::{HostServices, Leases, Storage, Withdrawn};
use crate::wasi::Wasi;

/// What belongs to one call: its limits, what the host offers to it, and what WASI needs if the plugin uses that.
pub(crate) struct CallState {
    pub(crate) limiter: SummingLimiter,
    pub(crate) budget: HostCallBudget,
    pub(crate) grants: Grants,
    pub(crate) proposal: Proposal,
    pub(crate) changes: ChangeBuffer,
    pub(crate) leases: Option<Box<dyn Leases>>,
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) transcript: Transcript,
    pub(crate) now: SystemTime,
    seed: Seed,
    wasi: Option<Box<Wasi>>,
}

/// What one call is about, beyond its limits and the host's services.
pub(crate) struct Context {
    pub(crate) seed: Seed,
    pub(crate) grants: Grants,
    /// What it is shown.
    pub(crate) proposal: Proposal,
    /// May it propose changes?
    pub(crate) amends: bool,
}

/// What random numbers of one call are made from: the same input gives the same numbers, so that a call can be run again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(pub(crate) [u8; 32]);

impl Seed {
    /// A seed from the parts of the input, each preceded by its length so that no two inputs share it.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(super::to_u64(part.len()).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl CallState {
    pub(super) fn new(
        limits: &Limits,
        services: HostServices,
        context: Context,
        deadline: Instant,
    ) -> Self {
        Self {
            limiter: SummingLimiter::new(limits),
            budget: HostCallBudget::new(limits, deadline),
            grants: context.grants,
            proposal: context.proposal,
            changes: ChangeBuffer::new(context.amends, limits.changes),
            leases: services.leases,
            storage: services.storage,
            transcript: Transcript::new(services.log, limits.log_bytes()),
            now: services.now,
            seed: context.seed,
            wasi: None,
        }
    }

    /// As for a new store, but for the memory and tables that are in use.
    pub(super) fn renew(
        &mut self,
        limits: &Limits,
        services: HostServices,
        context: Context,
        deadline: Instant,
    ) {
        let fresh = Self::new(limits, services, context, deadline);
        let limiter = std::mem::replace(self, fresh).limiter;
        self.limiter = limiter;
    }

    /// Made when a plugin first uses it, so that one without WASI does not pay for it.
    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        let (seed, now) = (self.seed, self.now);
        let transcript = &self.transcript;
        self.wasi
            .get_or_insert_with(|| Box::new(Wasi::new(seed, now, transcript.clone())))
    }

    /// Gives back what the host offered.
    pub(super) fn withdraw(&mut self) {
        self.leases = None;
        self.storage = Box::new(Withdrawn);
        self.transcript = Transcript::new(Box::new(Withdrawn), 0);
    }

    pub(super) fn finish(&mut self) {
        if let Some(wasi) = &mut self.wasi {
            wasi.flush();
        }
        self.transcript.finish();
    }
}

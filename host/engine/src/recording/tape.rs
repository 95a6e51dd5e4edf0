use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::RecordedCall;
use super::exchange::{Answer, Bytes, HostAnswer, Question, Refusal};
use crate::services::{
    AddressRange, HostServices, Leases, ReserveError, Scope, ServiceError, Storage, StorageError,
    UsageCount,
};

/// What the host answers during one call, in order, as long as it is not too much.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Exchanges>>);

#[derive(Default)]
struct Exchanges {
    answers: Vec<HostAnswer>,
    bytes: usize,
    overflowed: bool,
}

/// A service that is listened to.
struct Recorded<S> {
    service: S,
    tape: Tape,
}

impl Tape {
    /// The same services, listened to.
    pub(super) fn record(&self, services: HostServices) -> HostServices {
        HostServices {
            leases: services.leases.map(|service| -> Box<dyn Leases> {
                Box::new(Recorded {
                    service,
                    tape: self.clone(),
                })
            }),
            storage: Box::new(Recorded {
                service: services.storage,
                tape: self.clone(),
            }),
            ..services
        }
    }

    /// Everything that was answered; None: it was too much.
    pub(super) fn answers(self) -> Option<Vec<HostAnswer>> {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = std::mem::take(&mut exchanges.answers);
        (!exchanges.overflowed).then_some(answers)
    }

    fn keep(&self, question: Question, answer: Answer) {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = question.size().saturating_add(answer.size());
        exchanges.bytes = exchanges.bytes.saturating_add(bytes);
        if exchanges.bytes > MOST_BYTES {
            exchanges.overflowed = true;
            exchanges.answers = Vec::new();
        } else {
            exchanges.answers.push(HostAnswer { question, answer });
        }
    }
}

/// In memory an exchange takes more than as JSON, but not this many times more.
const MOST_BYTES: usize = 4 * RecordedCall::MOST_BYTES;

fn reserve_refusal(error: &ReserveError) -> Answer {
    Answer::Refused(match error {
        ReserveError::Taken { holder } => Refusal::Taken(holder.clone()),
        ReserveError::OutsideRanges => Refusal::OutsideRanges,
        ReserveError::Exhausted => Refusal::Exhausted,
        ReserveError::TooMany => Refusal::TooMany,
        ReserveError::Unavailable(source) => Refusal::Unavailable(source.to_string()),
    })
}

fn storage_refusal(error: &StorageError) -> Answer {
    Answer::Refused(match error {
        StorageError::QuotaExceeded => Refusal::QuotaExceeded,
        StorageError::ReadOnly => Refusal::ReadOnly,
        StorageError::Unavailable(source) => Refusal::Unavailable(source.to_string()),
    })
}

fn broken(error: &ServiceError) -> Answer {
    Answer::Refused(Refusal::Unavailable(error.to_string()))
}

impl<S> Recorded<S> {
    /// Keeps the answer and hands it on.
    fn keep<T, E>(
        &self,
        question: Question,
        result: Result<T, E>,
        answered: impl FnOnce(&T) -> Answer,
        refused: impl FnOnce(&E) -> Answer,
    ) -> Result<T, E> {
        let answer = result.as_ref().map_or_else(refused, answered);
        self.tape.keep(question, answer);
        result
    }
}

impl Leases for Recorded<Box<dyn Leases>> {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        let result = self.service.reserve(address);
        let question = Question::Reserve { address };
        self.keep(question, result, |()| Answer::Done, reserve_refusal)
    }

    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let result = self.service.reserve_next(ranges, after);
        let ranges = ranges.to_vec();
        let question = Question::ReserveNext { ranges, after };
        let answer = |address: &IpAddr| Answer::Address(Some(*address));
        self.keep(question, result, answer, reserve_refusal)
    }

    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError> {
        let result = self.service.last_reserved(ranges);
        let ranges = ranges.to_vec();
        let question = Question::LastReserved { ranges };
        let answer = |address: &Option<IpAddr>| Answer::Address(*address);
        self.keep(question, result, answer, broken)
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        let result = self.service.held();
        let answer = |held: &Vec<IpAddr>| Answer::Addresses(held.clone());
        self.keep(Question::Held, result, answer, broken)
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        let result = self.service.release(address);
        let question = Question::Release { address };
        let answer = |released: &bool| Answer::Released(*released);
        self.keep(question, result, answer, broken)
    }

    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError> {
        let result = self.service.usage(ranges);
        let ranges = ranges.to_vec();
        let question = Question::Usage { ranges };
        self.keep(question, result, |usage| Answer::Usage(*usage), broken)
    }
}

impl Storage for Recorded<Box<dyn Storage>> {
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let result = self.service.get(scope, key);
        let key = key.to_owned();
        let question = Question::Get { scope, key };
        let answer = |value: &Option<Vec<u8>>| Answer::Value(value.clone().map(Bytes));
        self.keep(question, result, answer, storage_refusal)
    }

    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        let question = Question::Set {
            scope,
            key: key.to_owned(),
            value: Bytes(value.clone()),
        };
        let result = self.service.set(scope, key, value);
        self.keep(question, result, |()| Answer::Done, storage_refusal)
    }

    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError> {
        let result = self.service.delete(scope, key);
        let key = key.to_owned();
        let question = Question::Delete { scope, key };
        self.keep(question, result, |()| Answer::Done, storage_refusal)
    }

    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        let result = self.service.count(scope, prefix);
        let prefix = prefix.to_owned();
        let question = Question::Count { scope, prefix };
        self.keep(
            question,
            result,
            |count| Answer::Count(*count),
            storage_refusal,
        )
    }
}

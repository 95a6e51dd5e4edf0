use std::net::IpAddr;

use crate::recording::exchange::{Answer, Bytes, HostAnswer, Question, Refusal};
use crate::services::{
    AddressRange, Leases, LogLevel, LogSink, ReserveError, Scope, ServiceError, Storage,
    StorageError, UsageCount,
};

/// A host that gives recorded answers to recorded questions, in their order.
pub(super) struct Player {
    answers: std::vec::IntoIter<HostAnswer>,
    asked: usize,
    /// From here on there are no answers that fit.
    difference: Option<String>,
}

/// What a recorded answer can't be for the question that it follows.
const MISFIT: &str = "the recording is damaged: an answer does not fit its question";

impl Player {
    pub(super) fn new(answers: Vec<HostAnswer>) -> Self {
        Self {
            answers: answers.into_iter(),
            asked: 0,
            difference: None,
        }
    }

    /// How the questions differed.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let unasked = self.answers.len();
        let unasked = (self.difference.is_none() && unasked > 0).then(|| {
            let next = self.answers.next();
            let next = next.map_or_else(String::new, |next| next.question.to_string());
            format!(
                "question {}, which was: {next}, is not asked any more",
                self.asked + 1
            )
        });
        self.difference.take().into_iter().chain(unasked).collect()
    }

    fn answer(&mut self, question: &Question) -> Result<Answer, ServiceError> {
        if self.difference.is_none() {
            self.asked += 1;
            let was = match self.answers.next() {
                Some(recorded) if recorded.question == *question => return Ok(recorded.answer),
                Some(recorded) => recorded.question.to_string(),
                None => "nothing".to_owned(),
            };
            let number = self.asked;
            self.difference = Some(format!(
                "question {number} was: {was}; it is now: {question}, which the recording does not answer"
            ));
        }
        Err("the recording has no answer to this question".into())
    }

    /// An answer of a function that ends the call when the store fails.
    fn told(&mut self, question: &Question) -> Result<Answer, ServiceError> {
        match self.answer(question)? {
            Answer::Refused(Refusal::Unavailable(text)) => Err(text.into()),
            answer => Ok(answer),
        }
    }

    fn reserved(&mut self, question: &Question) -> Result<Answer, ReserveError> {
        let answer = self.answer(question).map_err(ReserveError::Unavailable)?;
        let Answer::Refused(refusal) = answer else {
            return Ok(answer);
        };
        Err(match refusal {
            Refusal::Taken(holder) => ReserveError::Taken { holder },
            Refusal::OutsideRanges => ReserveError::OutsideRanges,
            Refusal::Exhausted => ReserveError::Exhausted,
            Refusal::TooMany => ReserveError::TooMany,
            Refusal::Unavailable(text) => ReserveError::Unavailable(text.into()),
            Refusal::QuotaExceeded | Refusal::ReadOnly => ReserveError::Unavailable(self.misfit()),
        })
    }

    fn stored(&mut self, question: &Question) -> Result<Answer, StorageError> {
        let answer = self.answer(question).map_err(StorageError::Unavailable)?;
        let Answer::Refused(refusal) = answer else {
            return Ok(answer);
        };
        Err(match refusal {
            Refusal::QuotaExceeded => StorageError::QuotaExceeded,
            Refusal::ReadOnly => StorageError::ReadOnly,
            Refusal::Unavailable(text) => StorageError::Unavailable(text.into()),
            _ => StorageError::Unavailable(self.misfit()),
        })
    }

    fn misfit(&mut self) -> ServiceError {
        self.difference.get_or_insert_with(|| MISFIT.to_owned());
        MISFIT.into()
    }
}

impl Leases for Player {
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError> {
        match self.reserved(&Question::Reserve { address })? {
            Answer::Done => Ok(()),
            _ => Err(ReserveError::Unavailable(self.misfit())),
        }
    }

    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError> {
        let ranges = ranges.to_vec();
        match self.reserved(&Question::ReserveNext { ranges, after })? {
            Answer::Address(Some(address)) => Ok(address),
            _ => Err(ReserveError::Unavailable(self.misfit())),
        }
    }

    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError> {
        let ranges = ranges.to_vec();
        match self.told(&Question::LastReserved { ranges })? {
            Answer::Address(address) => Ok(address),
            _ => Err(self.misfit()),
        }
    }

    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError> {
        match self.told(&Question::Held)? {
            Answer::Addresses(addresses) => Ok(addresses),
            _ => Err(self.misfit()),
        }
    }

    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError> {
        match self.told(&Question::Release { address })? {
            Answer::Released(released) => Ok(released),
            _ => Err(self.misfit()),
        }
    }

    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError> {
        let ranges = ranges.to_vec();
        match self.told(&Question::Usage { ranges })? {
            Answer::Usage(usage) => Ok(usage),
            _ => Err(self.misfit()),
        }
    }
}

impl Storage for Player {
    fn get(&mut self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let key = key.to_owned();
        match self.stored(&Question::Get { scope, key })? {
            Answer::Value(value) => Ok(value.map(|Bytes(value)| value)),
            _ => Err(StorageError::Unavailable(self.misfit())),
        }
    }

    fn set(&mut self, scope: Scope, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        let (key, value) = (key.to_owned(), Bytes(value));
        match self.stored(&Question::Set { scope, key, value })? {
            Answer::Done => Ok(()),
            _ => Err(StorageError::Unavailable(self.misfit())),
        }
    }

    fn delete(&mut self, scope: Scope, key: &str) -> Result<(), StorageError> {
        let key = key.to_owned();
        match self.stored(&Question::Delete { scope, key })? {
            Answer::Done => Ok(()),
            _ => Err(StorageError::Unavailable(self.misfit())),
        }
    }

    fn count(&mut self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        let prefix = prefix.to_owned();
        match self.stored(&Question::Count { scope, prefix })? {
            Answer::Count(count) => Ok(count),
            _ => Err(StorageError::Unavailable(self.misfit())),
        }
    }
}

/// What a plugin said, bounded by the call's limits.
#[derive(Default)]
pub(super) struct Log(pub(super) Vec<(LogLevel, String)>);

impl LogSink for Log {
    fn line(&mut self, level: LogLevel, text: &str) {
        self.0.push((level, text.to_owned()));
    }
}

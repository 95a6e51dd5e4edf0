//! A plugin's talk with the host, in words.

use engine::{Answer, HostAnswer, Refusal};

use super::Exchange;

/// Of a value, in characters: enough to recognise it. The call holds all of it.
const SHOWN_OF_VALUE: usize = 64;

pub(super) fn exchanges(answers: &[HostAnswer]) -> Vec<Exchange> {
    let in_words = |answer: &HostAnswer| Exchange {
        question: answer.question.to_string(),
        answer: words(&answer.answer),
    };
    answers.iter().map(in_words).collect()
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Done => "done".into(),
        Answer::Address(Some(address)) => address.to_string(),
        Answer::Address(None) | Answer::Value(None) => "there is none".into(),
        Answer::Addresses(addresses) if addresses.is_empty() => "none".into(),
        Answer::Addresses(addresses) => {
            let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            texts.join(", ")
        }
        Answer::Released(true) => "released".into(),
        Answer::Released(false) => "not one of this call".into(),
        Answer::Usage(usage) => format!(
            "{} of {} taken, {} cooling",
            usage.taken, usage.capacity, usage.cooling
        ),
        Answer::Value(Some(value)) => {
            let text = String::from_utf8_lossy(&value.0);
            let head: String = text.chars().take(SHOWN_OF_VALUE).collect();
            let more = if head.len() < text.len() { "…" } else { "" };
            format!("{head:?}{more}")
        }
        Answer::Count(count) => count.to_string(),
        Answer::Refused(refusal) => format!("refused: {}", reason(refusal)),
    }
}

fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Taken(holder) => format!("taken by {holder}"),
        Refusal::OutsideRanges => "outside the configured ranges".into(),
        Refusal::Exhausted => "no address is left".into(),
        Refusal::TooMany => "one attachment may hold no more addresses".into(),
        Refusal::QuotaExceeded => "the storage quota is used up".into(),
        Refusal::ReadOnly => "this call may only read".into(),
        Refusal::Unavailable(why) => format!("the host's store failed: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use engine::{Bytes, Question, Scope};

    use super::*;

    #[test]
    fn a_long_value_is_cut_and_a_refusal_says_why() {
        let get = |answer| HostAnswer {
            question: Question::Get {
                scope: Scope::Durable,
                key: "k".into(),
            },
            answer,
        };
        let told = exchanges(&[
            get(Answer::Value(Some(Bytes("ä".repeat(100).into_bytes())))),
            get(Answer::Refused(Refusal::Taken("pods/c/eth0".into()))),
        ]);
        assert_eq!(told[0].answer, format!("{:?}…", "ä".repeat(64)));
        assert_eq!(told[1].answer, "refused: taken by pods/c/eth0");
    }
}

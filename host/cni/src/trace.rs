//! The trace context of the caller (W3C Trace Context, carried in `TRACEPARENT`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A well-formed `TRACEPARENT`: version, trace id, parent id and flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

/// The text is no trace parent. The W3C rule is to go on without one.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not of the form 00-<32 hexadecimal digits>-<16>-<2>")]
pub struct MalformedTraceParent;

impl TraceParent {
    /// The context as text, as it is handed on.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that all spans of the trace share: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.split('-').nth(1).unwrap_or_default()
    }
}

impl FromStr for TraceParent {
    type Err = MalformedTraceParent;

    fn from_str(value: &str) -> Result<Self, MalformedTraceParent> {
        let lengths = [2, 32, 16, 2];
        let fits = |(part, length): (&str, usize)| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let well_formed = value.split('-').count() == lengths.len()
            && value.split('-').zip(lengths).all(fits)
            && !value.starts_with("ff-");
        if well_formed {
            Ok(Self(value.to_owned()))
        } else {
            Err(MalformedTraceParent)
        }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_w3c_form_is_kept() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed: TraceParent = good.parse().unwrap();
        assert_eq!(parsed.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "",
            "00-1-2-3",
            "hello",
            &good.to_uppercase(),
            &format!("{good}-x"),
        ] {
            assert!(bad.parse::<TraceParent>().is_err(), "{bad}");
        }
    }
}

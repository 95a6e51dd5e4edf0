use std::fmt::{self, Write};
use std::time::Duration;

use super::printable;

/// Fields of one line, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields(String);

impl Fields {
    /// Adds a field. Control characters in the value are replaced, since part of it may come from plugins; it is quoted
    /// where it needs that.
    pub(crate) fn add(&mut self, key: &'static str, value: impl fmt::Display) {
        let value = printable(&value.to_string());
        let is_word = !value.is_empty() && !value.contains([' ', '"', '=', '\\']);
        // Writing to a string does not fail.
        let _ = if is_word {
            write!(self.0, " {key}={value}")
        } else {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            write!(self.0, " {key}=\"{value}\"")
        };
    }

    /// Adds a time: milliseconds with three decimals.
    pub(crate) fn milliseconds(&mut self, key: &'static str, time: Duration) {
        let _ = write!(self.0, " {key}={:.3}ms", time.as_secs_f64() * 1000.0);
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_not_end_its_field_or_line() {
        let mut fields = Fields::default();
        fields.add("code", 7);
        fields.add("msg", "no \"x\\y\"\nlevel=info");
        fields.add("network", "");
        fields.milliseconds("took", Duration::from_micros(1234));
        assert_eq!(
            fields.to_string(),
            " code=7 msg=\"no \\\"x\\\\y\\\"\u{fffd}level=info\" network=\"\" took=1.234ms"
        );
    }
}

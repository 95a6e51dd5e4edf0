use std::io::{self, Write};

use serde::Serialize;

/// Counts bytes and keeps none; fails when there are too many.
struct Counter {
    left: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has the value at most `limit` bytes as compact JSON?
pub(super) fn fits(value: &impl Serialize, limit: usize) -> bool {
    serde_json::to_writer(Counter { left: limit }, value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_the_text_with_its_escapes() {
        assert!(fits(&"a\n", 5));
        assert!(!fits(&"a\n", 4));
    }
}

//! Tables for people: no frame, columns that line up, no colour.

use std::time::{Duration, UNIX_EPOCH};

use comfy_table::{ContentArrangement, Table, presets};

use crate::printable;

/// Rows under a header. Cells are made printable when they come in.
pub(crate) struct Rows {
    table: Table,
}

impl Rows {
    /// A table with these column titles.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        // Cutting cells to a window's width would break what scripts and people copy from them.
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header);
        Self { table }
    }

    /// Adds one row.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells.map(|cell| printable::line(&cell)));
    }

    /// The table as text, without blanks at the ends of lines.
    pub(crate) fn render(&self) -> String {
        let lines: Vec<String> = self
            .table
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        lines.join("\n")
    }
}

/// A list in one cell; a dash where there is nothing.
pub(crate) fn list<I: IntoIterator<Item = String>>(items: I) -> String {
    let joined = items.into_iter().collect::<Vec<_>>().join(", ");
    if joined.is_empty() {
        "-".to_owned()
    } else {
        joined
    }
}

/// A number of bytes as people read it.
pub(crate) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes.div_ceil(KIB)),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

/// Seconds since 1970 as a date and time (UTC).
pub(crate) fn time(seconds: u64) -> String {
    // Later than humantime can write (the year 9999) is as good as never.
    const LAST: u64 = 253_402_300_799;
    let instant = UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(instant).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_foreign_text_is_harmless() {
        let mut rows = Rows::new(["NAME", "SIZE"]);
        rows.push(["host-local\u{1b}[31m".to_owned(), size(2048)]);
        rows.push(["s".to_owned(), size(3)]);
        let text = rows.render();
        assert!(!text.contains('\u{1b}'));
        let column = |line: &str, word: &str| line.find(word).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(column(lines[0], "SIZE"), column(lines[1], "2 KiB"));
        assert_eq!(column(lines[0], "SIZE"), column(lines[2], "3 B"));
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(151_920), "149 KiB");
        assert_eq!(size(37_000_408), "35.2 MiB");
    }

    #[test]
    fn times_are_dates_however_late() {
        assert_eq!(time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn an_empty_list_is_a_dash() {
        assert_eq!(list([]), "-");
        assert_eq!(list(["a".to_owned(), "b".to_owned()]), "a, b");
    }
}

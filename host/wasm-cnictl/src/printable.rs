//! Foreign text on its way to a terminal.
//!
//! Guests, other vendors' plugins, configuration files and the kernel all hand over text. None of
//! it may move the cursor, hide what stands before it or forge a line of ours.

/// `text` in one line: every control character, line breaks included, is shown as its escape.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut shown, character| {
            if steers_a_terminal(character) {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
            shown
        })
}

/// `text` with its line breaks kept; every other control character is shown as its escape.
pub(crate) fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// JSON text that means the same: what steers a terminal can only stand inside of its strings, and
/// the line breaks between its lines stay.
pub(crate) fn json(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut shown, character| {
            if character != '\n' && steers_a_terminal(character) {
                shown.push_str(&format!("\\u{:04x}", u32::from(character)));
            } else {
                shown.push(character);
            }
            shown
        })
}

/// Control characters, and the marks that reorder or hide the text around them (CVE-2021-42574).
fn steers_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_survive() {
        assert_eq!(line("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(lines("a\u{9b}31m\nb"), "a\\u{9b}31m\nb");
    }

    #[test]
    fn text_that_reorders_is_shown_as_its_escape() {
        assert_eq!(line("eth0\u{202e}1"), "eth0\\u{202e}1");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"a": "\u{9b}2J\u{7f}\u{202e}\u{1b}\n"});
        let shown = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.contains(['\u{9b}', '\u{7f}', '\u{202e}']), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        assert_eq!(line("größe ≤ 15, 日本"), "größe ≤ 15, 日本");
    }
}

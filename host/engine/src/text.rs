//! Text that a plugin made, on its way to people.

use std::borrow::Cow;

/// The longest beginning of at most `limit` bytes that is whole characters.
pub(crate) fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// The text with every character replaced that could drive a terminal or turn the direction of reading; line breaks and tabs
/// become spaces.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let replace = |character| match character {
        '\n' | '\t' => ' ',
        character if is_printable(character) => character,
        _ => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// Control characters (C0, C1) and the formatting ones that reorder or hide text (Unicode TR 36, "Bidirectional Text").
pub(crate) fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_never_splits_a_character() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(head("aé", 3), "aé");
        assert_eq!(head("aé", 99), "aé");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert!(matches!(printable("Straße 7"), Cow::Borrowed(_)));
    }
}

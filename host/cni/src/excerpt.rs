//! Showing foreign text in a message: quoted, control characters escaped, bounded in length.

/// Longest part of a value that a message repeats, in characters.
const MAX_CHARS: usize = 96;

/// `value` in double quotes with control characters escaped, cut after [`MAX_CHARS`] characters.
///
/// Ids and names have no length limit in CNI, and an error message is no place for 4 KiB of one.
pub(crate) fn excerpt(value: &str) -> String {
    let mut characters = value.chars();
    let head: String = characters.by_ref().take(MAX_CHARS).collect();
    let mark = if characters.next().is_some() {
        "…"
    } else {
        ""
    };
    format!("\"{}{mark}\"", head.escape_debug())
}

/// A JSON value as a message shows it.
pub(crate) fn excerpt_json(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => excerpt(text),
        other => {
            let text = other.to_string();
            let mut characters = text.chars();
            let head: String = characters.by_ref().take(MAX_CHARS).collect();
            let mark = if characters.next().is_some() {
                "…"
            } else {
                ""
            };
            format!("{head}{mark}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(excerpt("a\u{1b}[31m\n"), "\"a\\u{1b}[31m\\n\"");
    }

    #[test]
    fn long_values_are_cut() {
        let shown = excerpt(&"x".repeat(4096));
        assert!(shown.chars().count() <= MAX_CHARS + 3);
        assert!(shown.ends_with("…\""));
    }
}

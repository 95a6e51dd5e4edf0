//! Pictures of attachments, for people: as text, and as a Mermaid flowchart.

mod mermaid;
mod text;

use runtime::explain::Picture;

use crate::output::Output;

/// Prints a picture: as JSON where that was asked for, as a flowchart, or as text.
///
/// # Errors
/// When standard output can't be written.
pub(crate) fn answer(
    output: &mut Output,
    picture: &Picture,
    as_mermaid: bool,
) -> anyhow::Result<()> {
    output.answer(picture, |picture| {
        if as_mermaid {
            mermaid::flowchart(picture)
        } else {
            text::text(picture)
        }
    })
}

//! The built executables against a real kernel. Each test has a private node; nothing outlives it.

#![allow(
    clippy::indexing_slicing,
    reason = "test code reads JSON; a panic is a failed test"
)]

mod reference;

use wasm_cni_tests::Node;

/// The test's node; where it must be skipped, the test ends here.
macro_rules! node {
    () => {
        match wasm_cni_tests::Node::start()? {
            Some(node) => node,
            None => return Ok(()),
        }
    };
}
pub(crate) use node;

/// Fails if anything of the deleted attachments, whose ADDs printed `results`, is still there.
pub(crate) fn assert_nothing_left(
    node: &Node,
    results: &[serde_json::Value],
) -> anyhow::Result<()> {
    let found = node.leftovers(results)?;
    anyhow::ensure!(found.is_empty(), "still there: {found:#?}");
    Ok(())
}

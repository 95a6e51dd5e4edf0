//! The node's state, as `wasm-cni` left it.

use runtime::Settings;
use runtime::operator::Operator;

use crate::cli::StateArgs;

/// The node with the places that the command line names, else its own.
///
/// # Errors
/// When the node's settings can't be used.
pub(crate) fn operator(args: &StateArgs) -> anyhow::Result<Operator> {
    Ok(Operator::new(settings(args)?))
}

/// The node's settings with the places that the command line names.
///
/// # Errors
/// When the node's settings can't be used.
pub(crate) fn settings(args: &StateArgs) -> anyhow::Result<Settings> {
    let mut settings = Settings::load()?;
    if let Some(directory) = &args.run_dir {
        settings.run_directory.clone_from(directory);
    }
    if let Some(directory) = &args.state_dir {
        settings.state_directory.clone_from(directory);
    }
    Ok(settings)
}

//! What a component imports and exports, read without compiling it.

use anyhow::{Context, bail};
use engine::Interface;
use wit_component::DecodedWasm;

/// The names of a component's imports and exports.
///
/// # Errors
/// When the bytes are no component.
pub(super) fn of_component(component: &[u8]) -> anyhow::Result<Interface> {
    let decoded = wit_component::decode(component).context("the component can't be read")?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        bail!("this describes interfaces (a WIT package) and has no code");
    };
    let world = resolve
        .worlds
        .get(world)
        .context("the component has no world")?;
    let mut imports: Vec<String> = world
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    let mut exports: Vec<String> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    imports.sort();
    exports.sort();
    Ok(Interface { imports, exports })
}

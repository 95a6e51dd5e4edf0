use super::NftError;

/// `IFNAMSIZ`.
pub(super) const INTERFACE_NAME: usize = libc::IFNAMSIZ;

/// An interface's name as a key: filled up with zeros.
pub(super) fn interface_key(name: &str) -> Result<[u8; INTERFACE_NAME], NftError> {
    let mut key = [0; INTERFACE_NAME];
    let fits = !name.is_empty() && name.len() < INTERFACE_NAME && !name.contains('\0');
    match key.get_mut(..name.len()) {
        Some(start) if fits => start.copy_from_slice(name.as_bytes()),
        _ => {
            return Err(NftError::InterfaceName {
                name: name.chars().take(64).collect(),
            });
        }
    }
    Ok(key)
}

//! Kernel parameters of the calling thread's network namespace: `/proc/sys/net` follows the thread that opens a file.

use std::fs;

use crate::KernelError;

/// Does this parameter have the value? Surrounding white space does not count.
pub(crate) fn is(path: &str, value: &str) -> Result<bool, KernelError> {
    let text = fs::read_to_string(path).map_err(|source| KernelError::Sysctl {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim() == value)
}

/// Sets the parameter; written only when it differs, so that a read-only `/proc/sys` with the right value will do.
pub(crate) fn ensure(path: &str, value: &str) -> Result<(), KernelError> {
    if is(path, value)? {
        return Ok(());
    }
    set(path, value)
}

/// Sets the parameter without looking at it.
pub(crate) fn set(path: &str, value: &str) -> Result<(), KernelError> {
    fault_point::before("a sysctl of the host");
    fs::write(path, value).map_err(|source| KernelError::Sysctl {
        path: path.to_owned(),
        source,
    })
}

/// The file of an interface's parameter, `family` being `ipv4` or `ipv6`.
pub(crate) fn of_interface(family: &str, interface: &str, parameter: &str) -> String {
    format!("/proc/sys/net/{family}/conf/{interface}/{parameter}")
}

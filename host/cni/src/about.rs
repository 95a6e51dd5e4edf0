//! What the executable says when somebody runs it by hand.

use crate::version::supported_list;

/// The text for standard error where `CNI_COMMAND` is empty; the exit status is then 0. `version`
/// is that of the executable.
pub fn about_text(version: &str) -> String {
    format!(
        "wasm-cni {version}: a CNI plugin whose decisions are taken by sandboxed WebAssembly \
         components.\nA container runtime runs it with CNI_COMMAND set and a network config on \
         standard input;\nfor work by hand there is wasm-cnictl.\nCNI protocol versions supported: \
         {}\n",
        supported_list()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lists_all_versions() {
        let text = about_text("1.2.3");
        assert!(text.contains("1.2.3"));
        assert!(text.contains("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"));
    }
}

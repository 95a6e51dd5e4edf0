use serde::{Deserialize, Serialize};

use crate::digest;

/// What is known about an installed plugin (`manifest.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The layout of this file; 1.
    pub format: u32,
    /// The plugin's name.
    pub name: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Bytes of the component.
    pub size: u64,
    /// Bytes of the precompiled file.
    pub precompiled_size: u64,
    /// What the component imports.
    pub imports: Vec<String>,
    /// What the component exports.
    pub exports: Vec<String>,
    /// Does it import WASI?
    pub wasi: bool,
    /// For which processor it was compiled, e.g. `x86_64 machine`.
    pub compiled_for: String,
    /// The engine's settings that it was compiled with, hashed.
    pub compatibility: String,
    /// The version of wasm-cni that compiled it.
    pub version: String,
    /// When, in seconds since 1970.
    pub installed_at: u64,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not what a manifest holds.
    #[error("it is no manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// From a later version.
    #[error("it has format {0}, which a newer version of wasm-cni has written")]
    Newer(u32),
    /// It names something else than it should.
    #[error("its {0} is not that of the plugin whose directory it is in, or malformed")]
    Field(&'static str),
}

pub(super) const FORMAT: u32 = 1;

impl Manifest {
    pub(super) fn parse(text: &[u8], name: &str) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(text)?;
        if manifest.format > FORMAT {
            return Err(ManifestError::Newer(manifest.format));
        }
        if manifest.name != name {
            return Err(ManifestError::Field("name"));
        }
        // Both become parts of file names.
        digest::digits(&manifest.digest).ok_or(ManifestError::Field("digest"))?;
        let hex = manifest
            .compatibility
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit());
        hex.then_some(manifest)
            .ok_or(ManifestError::Field("compatibility"))
    }

    /// The name of the component's file.
    pub(super) fn source_file(&self) -> String {
        format!("{}.wasm", self.digits())
    }

    /// The name of the precompiled file.
    pub(super) fn precompiled_file(&self) -> String {
        format!("{}-{}.cwasm", self.digits(), self.compatibility)
    }

    fn digits(&self) -> &str {
        digest::digits(&self.digest).unwrap_or_default()
    }
}

/// 1 to 63 of `a-z0-9-_.`, beginning with a letter or digit: never hidden, never `..`, never a path.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins_well = name.bytes().next().is_some_and(plain);
    begins_well
        && name.len() <= 63
        && name
            .bytes()
            .all(|byte| plain(byte) || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            name: "tenant-ipam".to_owned(),
            digest: digest::of(b"component"),
            size: 9,
            precompiled_size: 99,
            imports: vec!["wasm-cni:plugin/log@0.1.0".to_owned()],
            exports: vec!["wasm-cni:plugin/ipam@0.1.0".to_owned()],
            wasi: false,
            compiled_for: "x86_64 machine".to_owned(),
            compatibility: "00ff".to_owned(),
            version: "0.1.0".to_owned(),
            installed_at: 1_700_000_000,
        }
    }

    fn parsed(manifest: &Manifest) -> Result<Manifest, ManifestError> {
        Manifest::parse(&serde_json::to_vec(manifest).unwrap(), "tenant-ipam")
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(parsed(&manifest()).unwrap(), manifest());
    }

    #[test]
    fn a_newer_format_is_refused_loudly() {
        let newer = Manifest {
            format: 2,
            ..manifest()
        };
        assert!(matches!(parsed(&newer), Err(ManifestError::Newer(2))));
    }

    #[test]
    fn a_manifest_can_not_name_files_elsewhere() {
        for (field, other) in [
            (
                "name",
                Manifest {
                    name: "other".to_owned(),
                    ..manifest()
                },
            ),
            (
                "digest",
                Manifest {
                    digest: "sha256:../../x".to_owned(),
                    ..manifest()
                },
            ),
            (
                "compatibility",
                Manifest {
                    compatibility: "../x".to_owned(),
                    ..manifest()
                },
            ),
        ] {
            let refused = parsed(&other).unwrap_err();
            assert!(
                matches!(refused, ManifestError::Field(named) if named == field),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["host-local", "a", "7.2_x"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "Upper",
            "a b",
            "-x",
            &"x".repeat(64),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}

//! VERSION: which versions a plugin says it speaks.

use anyhow::Context;
use cni::ids::PluginType;
use cni::verb::Verb;
use cni::version::SpecVersion;
use serde::Deserialize;
use serde_json::{Map, json};

use super::exec::{self, SearchPath, Variables};

#[derive(Debug, Deserialize)]
struct Report {
    #[serde(rename = "supportedVersions")]
    supported: Vec<String>,
}

/// The versions that a plugin says it speaks, as far as we know them.
///
/// # Errors
/// When it can't be run, or answers something else.
pub(crate) fn versions(plugin: &PluginType, path: &SearchPath) -> anyhow::Result<Vec<SpecVersion>> {
    let request = Map::from_iter([("cniVersion".to_owned(), json!(SpecVersion::LATEST))]);
    let answer = exec::call(Verb::Version, plugin, path, Variables::default(), &request)?;
    read(&answer)
}

fn read(answer: &[u8]) -> anyhow::Result<Vec<SpecVersion>> {
    let report: Report =
        serde_json::from_slice(answer).context("its answer is no list of versions")?;
    let versions = report.supported.iter();
    Ok(versions.filter_map(|text| text.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_we_do_not_know_are_passed_over() {
        let answer = br#"{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0","9.0.0"]}"#;
        assert_eq!(
            read(answer).unwrap(),
            [SpecVersion::V0_4_0, SpecVersion::V1_0_0]
        );
        assert!(read(b"CNI bridge plugin").is_err());
    }
}

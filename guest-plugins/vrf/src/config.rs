use serde::Deserialize;
use wasm_cni_guest::{Failure, config};

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vrf {
    pub(crate) name: String,
    pub(crate) table: Option<u32>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    vrfname: Option<Name>,
    table: Option<Table>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    /// What the kernel takes for the name of an interface, which a VRF is.
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let fits = name.len() <= 15
            && !matches!(name.as_str(), "." | "..")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'));
        if fits {
            Ok(Self(name))
        } else {
            Err("is no name of a VRF; it has at most 15 characters, and no blank, '/' or ':'")
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct Table(Option<u32>);

impl TryFrom<i64> for Table {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u32::try_from(number) {
            // As with the reference plugin.
            Ok(0) => Ok(Self(None)),
            // 253 to 255 are the kernel's own.
            Ok(table @ (1..=252 | 256..)) => Ok(Self(Some(table))),
            _ => Err("is no table of its own; tables are 1 to 252 and 256 to 4294967295"),
        }
    }
}

impl Vrf {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        match object.vrfname {
            Some(Name(name)) if !name.is_empty() => Ok(Self {
                name,
                table: object.table.and_then(|table| table.0),
            }),
            _ => Err(Failure::InvalidConfig(
                "vrfname: is missing; name the VRF that the interface joins".into(),
            )),
        }
    }
}

//! Sysctls: their names and values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Stands for the interface's name.
const PLACEHOLDER: &str = "IFNAME";

/// Sysctls in the order in which they are written, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sysctls(Vec<(Name, String)>);

impl Sysctls {
    /// Take over what `others` say, name by name.
    pub(crate) fn overrule(&mut self, others: Self) {
        for (name, value) in others.0 {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => self.0.push((name, value)),
            }
        }
    }

    /// Names and values for this interface.
    pub(crate) fn of(&self, interface: &str) -> impl Iterator<Item = (String, &str)> {
        self.0
            .iter()
            .map(move |(name, value)| (name.of(interface), value.as_str()))
    }
}

/// A sysctl's name in its parts, which are those of its path below `/proc/sys`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(Vec<String>);

impl Name {
    fn read(text: &str) -> Result<Self, &'static str> {
        let separator = text.chars().find(|c| matches!(c, '.' | '/')).unwrap_or('.');
        let parts: Vec<String> = text
            .split(separator)
            .map(|part| match separator {
                '.' => part.replace('/', "."),
                _ => part.to_owned(),
            })
            .collect();
        if parts.first().map(String::as_str) != Some("net") {
            return Err(
                "does not begin with net.; sysctls of other kinds are not those of a network namespace",
            );
        }
        let harmless = |part: &String| {
            !matches!(part.as_str(), "" | "." | "..")
                && !part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if parts.len() < 2 || !parts.iter().all(harmless) {
            return Err("is no name of a sysctl, such as net.ipv4.conf.IFNAME.arp_notify");
        }
        Ok(Self(parts))
    }

    /// With the interface's name in place of the first placeholder, dots between the parts.
    fn of(&self, interface: &str) -> String {
        let mut parts = self.0.clone();
        if let Some(part) = parts.iter_mut().find(|part| part.contains(PLACEHOLDER)) {
            *part = part.replacen(PLACEHOLDER, interface, 1);
        }
        let parts: Vec<String> = parts.iter().map(|part| part.replace('.', "/")).collect();
        parts.join(".")
    }
}

impl<'de> Deserialize<'de> for Sysctls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SysctlsVisitor)
    }
}

struct SysctlsVisitor;

impl<'de> Visitor<'de> for SysctlsVisitor {
    type Value = Sysctls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of sysctls and their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Sysctls, A::Error> {
        let mut sysctls: Vec<(Name, String)> = Vec::new();
        while let Some((text, value)) = entries.next_entry::<String, SysctlValue>()? {
            let name = Name::read(&text)
                .map_err(|why| Error::custom(format_args!("the name \"{text}\" {why}")))?;
            if sysctls.iter().any(|(known, _)| *known == name) {
                return Err(Error::custom(format_args!(
                    "\"{text}\" is there twice; one value is possible"
                )));
            }
            sysctls.push((name, value.0));
        }
        Ok(Sysctls(sysctls))
    }
}

/// A value, which is written as one line.
struct SysctlValue(String);

impl<'de> Deserialize<'de> for SysctlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SysctlValueVisitor)
    }
}

struct SysctlValueVisitor;

impl Visitor<'_> for SysctlValueVisitor {
    type Value = SysctlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<SysctlValue, E> {
        Ok(SysctlValue(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<SysctlValue, E> {
        Ok(SysctlValue(number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SysctlValue, E> {
        // A tab stands between the numbers of some.
        if text.is_empty() || text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(E::custom(
                "is no value of a sysctl; a value is one line and not empty",
            ));
        }
        Ok(SysctlValue(text.to_owned()))
    }
}

//! Reading the keys of one JSON object of the config.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ConfigError;
use crate::lenient::Object;

/// One object of the config and the path that leads to it.
pub(super) struct Section<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Section<'a> {
    /// The object at `path`; the empty path is the config itself.
    pub(super) fn new(object: &'a Map<String, Value>, path: impl Into<String>) -> Self {
        Self {
            object,
            path: path.into(),
        }
    }

    /// The full path of a key, for messages.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, unless it is absent or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// The value of a key as a `T`; `None` where it is absent or `null`.
    pub(super) fn read<T: Deserialize<'a>>(&self, key: &str) -> Result<Option<T>, ConfigError> {
        self.get(key)
            .map(|value| {
                T::deserialize(value)
                    .map_err(|source| ConfigError::shape(self.path(key), value, source))
            })
            .transpose()
    }

    /// The value of a key that is an object, as a `T`.
    pub(super) fn read_object<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, ConfigError> {
        Ok(self.read::<Object<T>>(key)?.map(|Object(value)| value))
    }

    /// The value of a key that is a list of objects; empty where it is absent or `null`.
    pub(super) fn read_objects<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Vec<T>, ConfigError> {
        let list = self.read::<Vec<Object<T>>>(key)?.unwrap_or_default();
        Ok(list.into_iter().map(|Object(value)| value).collect())
    }

    /// The value of a key that must be an object.
    pub(super) fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, ConfigError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(ConfigError::not_allowed(
                self.path(key),
                &other.to_string(),
                "an object",
            )),
        }
    }

    /// A number within its bounds.
    pub(super) fn number(
        &self,
        key: &str,
        minimum: u64,
        maximum: u64,
    ) -> Result<Option<u64>, ConfigError> {
        match self.read::<u64>(key)? {
            Some(value) if value < minimum || value > maximum => Err(ConfigError::OutOfBounds {
                key: self.path(key),
                value,
                minimum,
                maximum,
            }),
            number => Ok(number),
        }
    }

    /// A text that names something, checked by its type; the empty text counts as absent.
    pub(super) fn name<T>(&self, key: &str) -> Result<Option<T>, ConfigError>
    where
        T: std::str::FromStr<Err = crate::ids::IdError>,
    {
        self.read::<&str>(key)?
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse().map_err(|source| ConfigError::Name {
                    key: self.path(key),
                    source,
                })
            })
            .transpose()
    }
}

/// Collects problems, so that all of them are reported and a DEL can go on without the rest.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<ConfigError>);

impl Problems {
    /// The value, or the default where there was a problem.
    pub(super) fn note<T: Default>(&mut self, outcome: Result<T, ConfigError>) -> T {
        outcome.unwrap_or_else(|problem| {
            self.0.push(problem);
            T::default()
        })
    }
}

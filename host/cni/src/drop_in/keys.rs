//! The keys of a reference plugin's config, read as Go's JSON library reads them.

use serde_json::{Map, Value};

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Anything; what is inside is left as it is.
    Value,
    /// An object with these keys.
    Object(&'static [Key]),
    /// A list of such values.
    List(&'static Shape),
}

/// A key with what it holds.
pub(super) type Key = (&'static str, Shape);

/// The known keys of an object, spelt as in the table. As in Go the case of letters does not matter where no key is spelt
/// exactly, unknown keys are passed over, and `null` and the empty text leave the default.
pub(super) fn known(object: &Map<String, Value>, keys: &[Key]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|(name, shape)| {
            let value = find(object, name)?;
            (!is_empty(value)).then(|| ((*name).to_owned(), spelt(value, *shape)))
        })
        .collect()
}

/// The value of a key, in any case of letters.
pub(super) fn find<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let mut others = object.iter();
        let found = others.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// A value of another shape is left for its reader to refuse.
fn spelt(value: &Value, shape: Shape) -> Value {
    match (shape, value) {
        (Shape::Object(keys), Value::Object(object)) => Value::Object(known(object, keys)),
        (Shape::List(of), Value::Array(items)) => {
            items.iter().map(|item| spelt(item, *of)).collect()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INNER: Shape = Shape::Object(&[("minID", Shape::Value)]);
    const KEYS: [Key; 3] = [
        ("mtu", Shape::Value),
        ("mode", Shape::Value),
        ("trunk", Shape::List(&INNER)),
    ];

    fn read(object: Value) -> Value {
        Value::Object(known(object.as_object().unwrap(), &KEYS))
    }

    #[test]
    fn keys_are_read_as_go_reads_them() {
        let config =
            json!({"MTU": 1400, "mode": "", "Trunk": [{"minid": 3, "x": 1}, 5], "other": 1});
        assert_eq!(
            read(config),
            json!({"mtu": 1400, "trunk": [{"minID": 3}, 5]})
        );
        assert_eq!(read(json!({"MTU": 1, "mtu": 2})), json!({"mtu": 2}));
        assert_eq!(read(json!({"mtu": null})), json!({}));
    }
}

//! `tf.Example` in Protocol Buffers' JSON form: `{"features": {"feature": {"age": {"int64List": {"value": [22]}}}}}`.
//! Fields may be written as `int64_list` too, whole numbers as texts, bytes in base64, and a list of one value without
//! brackets. Of a field that stands twice the last one counts, where Protocol Buffers find fault.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::example::{put, varint};
use crate::error::{Error, Result};

/// The message on the wire, numbers one by one as TensorFlow puts them there.
///
/// # Errors
/// What is no JSON, fields that `tf.Example` has not, and values that don't fit theirs.
pub fn serialized(text: &[u8]) -> Result<Vec<u8>> {
    let parsed: Value = serde_json::from_slice(text)
        .map_err(|e| Error::usage(format!("a record that is no JSON: {e}")))?;
    let Value::Object(example) = parsed else {
        return Err(Error::usage("a record that is no JSON object"));
    };
    let mut out = Vec::new();
    for (name, features) in &example {
        known(name, &["features"])?;
        let Some(features) = object(features)? else {
            continue;
        };
        let mut all = Vec::new();
        for (name, list) in features {
            known(name, &["feature"])?;
            for (key, value) in object(list)?.into_iter().flatten() {
                let mut entry = Vec::new();
                put(&mut entry, 1, key.as_bytes());
                if let Some(kinds) = object(value)? {
                    let written = feature(kinds);
                    let written = written.map_err(|e| e.at(format_args!("feature {key:?}")))?;
                    put(&mut entry, 2, &written);
                }
                put(&mut all, 1, &entry);
            }
        }
        put(&mut out, 1, &all);
    }
    Ok(out)
}

fn known(name: &str, names: &[&str]) -> Result<()> {
    match names.contains(&name) {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "a tf.Example with the field {name:?}, expected {}",
            names.join(" or ")
        ))),
    }
}

/// `None` for null.
fn object(value: &Value) -> Result<Option<&Map<String, Value>>> {
    match value {
        Value::Object(fields) => Ok(Some(fields)),
        Value::Null => Ok(None),
        _ => Err(Error::usage(format!("{value}, expected a JSON object"))),
    }
}

/// Puts one value into a list.
type Write = fn(&mut Vec<u8>, &Value) -> Result<()>;

fn feature(kinds: &Map<String, Value>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut lists = 0;
    for (kind, list) in kinds {
        let (number, write): (u64, Write) = match &**kind {
            "bytesList" | "bytes_list" => (1, write_bytes),
            "floatList" | "float_list" => (2, write_float),
            "int64List" | "int64_list" => (3, write_int),
            other => {
                known(other, &["bytesList", "floatList", "int64List"])?;
                continue;
            }
        };
        let Some(fields) = object(list)? else {
            continue;
        };
        lists += 1;
        let mut values = Vec::new();
        for (name, list) in fields {
            known(name, &["value"])?;
            match list {
                Value::Array(list) => list
                    .iter()
                    .try_for_each(|value| write(&mut values, value))?,
                Value::Null => {}
                one => write(&mut values, one)?,
            }
        }
        put(&mut out, number, &values);
    }
    match lists {
        0 | 1 => Ok(out),
        _ => Err(Error::usage("values of several kinds, expected one list")),
    }
}

fn unfit(value: &Value, wanted: &str) -> Error {
    Error::usage(format!("{value}, expected {wanted}"))
}

fn write_bytes(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    let engine = |alphabet: &Alphabet| {
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        GeneralPurpose::new(alphabet, config)
    };
    let bytes = match value {
        Value::Null => Vec::new(),
        Value::String(text) => (engine(&STANDARD).decode(text))
            .or_else(|_| engine(&URL_SAFE).decode(text))
            .map_err(|_| unfit(value, "bytes in base64"))?,
        _ => return Err(unfit(value, "bytes in base64")),
    };
    put(out, 1, &bytes);
    Ok(())
}

fn write_float(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    let number = match value {
        Value::Null => Some(0.0),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match &**text {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|v: &f64| v.is_finite()),
        },
        _ => None,
    };
    let fits = |v: &f64| !v.is_finite() || (*v as f32).is_finite();
    let number = number.filter(fits).ok_or_else(|| unfit(value, "a float"))?;
    varint(out, 1 << 3 | 5);
    out.extend((number as f32).to_le_bytes());
    Ok(())
}

fn write_int(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    /// 2^63
    const END: f64 = 9_223_372_036_854_775_808.0;
    let number = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64().or_else(|| {
            let whole = |v: &f64| v.fract() == 0.0 && (-END..END).contains(v);
            number.as_f64().filter(whole).map(|v| v as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number: i64 = number.ok_or_else(|| unfit(value, "a whole number of 64 bits"))?;
    varint(out, 1 << 3);
    varint(out, number as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(feature: &str) -> Result<Vec<u8>> {
        serialized(format!(r#"{{"features":{{"feature":{{"a":{feature}}}}}}}"#).as_bytes())
    }

    /// TensorFlow 2.21's bytes.
    #[test]
    fn records_are_written_as_tensorflow_does() {
        let right: [(&str, &[u8]); 6] = [
            (
                r#"{"int64List":{"value":5}}"#,
                b"\n\x0b\n\t\n\x01a\x12\x04\x1a\x02\x08\x05",
            ),
            (
                r#"{"int64_list":{"value":["5",6.0]}}"#,
                b"\n\r\n\x0b\n\x01a\x12\x06\x1a\x04\x08\x05\x08\x06",
            ),
            (
                r#"{"int64List":{"value":null}}"#,
                b"\n\t\n\x07\n\x01a\x12\x02\x1a\x00",
            ),
            (
                r#"{"floatList":{"value":["1.5"]}}"#,
                b"\n\x0e\n\x0c\n\x01a\x12\x07\x12\x05\r\x00\x00\xc0?",
            ),
            (
                r#"{"bytesList":{"value":["aGk","_-8="]}}"#,
                b"\n\x11\n\x0f\n\x01a\x12\n\n\x08\n\x02hi\n\x02\xff\xef",
            ),
            ("null", b"\n\x05\n\x03\n\x01a"),
        ];
        for (feature, bytes) in right {
            assert_eq!(of(feature).unwrap(), bytes, "{feature}");
        }
        assert_eq!(serialized(b"{}").unwrap(), b"");
        assert_eq!(serialized(br#"{"features":{}}"#).unwrap(), b"\n\x00");
    }

    #[test]
    fn what_is_no_record_is_told() {
        for wrong in [
            r#"{"int64List":{"value":[1.5]}}"#,
            r#"{"int64List":{"value":[9223372036854775808]}}"#,
            r#"{"floatList":{"value":[1e60]}}"#,
            r#"{"floatList":{"value":[true]}}"#,
            r#"{"bytesList":{"value":["a b="]}}"#,
            r#"{"int64List":{"value":[1]},"floatList":{"value":[2]}}"#,
            r#"{"other":{}}"#,
            "5",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "[]", "null", r#"{"x":1}"#, "{} x"] {
            assert!(serialized(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

//! Records typed as JSON: `[{"age": [22, 24], "name": ["a"]}]` is one serialized tf.Example per object.

use serde_json::{Map, Value};

use super::fit;
use crate::error::{Error, Result};
use crate::format::example::{Feature, serialize};
use crate::model::{Port, Tensor};

/// Whether `text` is a record or a list of them, which no other literal begins as.
pub(super) fn looks_like_some(text: &str) -> bool {
    let text = text.trim_start();
    let inner = text.strip_prefix('[').unwrap_or(text);
    inner.trim_start().starts_with('{')
}

/// # Errors
/// What is no JSON, and values of a feature that are not of one kind.
pub(super) fn parse(text: &str, port: &Port) -> Result<Tensor> {
    let parsed: Value = serde_json::from_str(text).map_err(|e| {
        Error::usage(format!("records that are no JSON: {e}"))
            .hint(r#"give [{"age": [22, 24], "name": ["a"]}], an object for each record"#)
    })?;
    let records = match parsed {
        Value::Array(records) => records,
        one => vec![one],
    };
    let serialized = records.iter().enumerate().map(|(at, value)| match value {
        Value::Object(features) => record(features).map_err(|e| e.at(format_args!("record {at}"))),
        other => Err(Error::usage(format!(
            "record {at} is {other}, expected an object"
        ))),
    });
    let serialized = serialized.collect::<Result<Vec<_>>>()?;
    fit::fit(Tensor::from_strings(&[serialized.len()], serialized), port)
}

fn record(features: &Map<String, Value>) -> Result<Vec<u8>> {
    let features = features.iter().map(|(name, value)| {
        let values = match value {
            Value::Array(values) => &values[..],
            one => std::slice::from_ref(one),
        };
        let feature = feature(values).ok_or_else(|| {
            Error::usage(format!("the feature {name:?} is {value}"))
                .hint("give a list of whole numbers, of numbers, or of texts")
        })?;
        Ok((name.as_str(), feature))
    });
    Ok(serialize(&features.collect::<Result<Vec<_>>>()?))
}

/// Whole numbers and bools as integers, any other numbers as floats.
fn feature(values: &[Value]) -> Option<Feature> {
    let whole = |value: &Value| value.as_i64().or(value.as_bool().map(i64::from));
    let ints: Option<Vec<i64>> = values.iter().map(whole).collect();
    if let Some(ints) = ints {
        return Some(Feature::Ints(ints));
    }
    let floats: Option<Vec<f32>> = values
        .iter()
        .map(|v| v.as_f64().map(|v| v as f32))
        .collect();
    if let Some(floats) = floats {
        return Some(Feature::Floats(floats));
    }
    let texts = values
        .iter()
        .map(|v| v.as_str().map(|v| v.as_bytes().to_vec()));
    texts.collect::<Option<_>>().map(Feature::Bytes)
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;
    use crate::format::example::features;
    use crate::model::DType;

    #[test]
    fn objects_become_records() {
        let port = port(DType::String, &[-1]);
        let text = r#"[{"age": [22, 24], "name": ["a", "é"], "w": [1, 0.5]}, {"one": 3}]"#;
        assert!(looks_like_some(text) && looks_like_some("{}") && !looks_like_some("[1, 2]"));
        let tensor = parse(text, &port).unwrap();
        assert_eq!(tensor.shape(), [2]);
        let records = tensor.strings().unwrap();
        let first = features(&records[0]).unwrap();
        assert_eq!(first[&b"age"[..]], Feature::Ints(vec![22, 24]));
        let texts = vec![b"a".to_vec(), "é".as_bytes().to_vec()];
        assert_eq!(first[&b"name"[..]], Feature::Bytes(texts));
        assert_eq!(first[&b"w"[..]], Feature::Floats(vec![1.0, 0.5]));
        let second = features(&records[1]).unwrap();
        assert_eq!(second[&b"one"[..]], Feature::Ints(vec![3]));
    }

    #[test]
    fn what_is_no_record_is_said() {
        let port = port(DType::String, &[-1]);
        for (text, said) in [
            ("[{", "JSON"),
            (r#"[{"a": [1]}, 3]"#, "record 1"),
            (r#"[{"a": [1, "b"]}]"#, "\"a\""),
            (r#"{"a": {"b": 1}}"#, "\"a\""),
        ] {
            let error = parse(text, &port).unwrap_err();
            assert!(error.to_string().contains(said), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}

//! Named blobs of a `.tflite`, decoded where their format is known.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::flat::{Source, Table};
use super::schema::{self, Field, Kind};
use super::tables;
use crate::error::Result;
use crate::model::content::{Content, Normalization, Teller};

pub(super) const MIN_RUNTIME_VERSION: &str = "min_runtime_version";
pub(super) const MODEL_METADATA: &str = "TFLITE_METADATA";
pub(super) const CONVERSION_METADATA: &str = "CONVERSION_METADATA";

/// What a blob says, as JSON or text; `None` where its format is not known.
///
/// # Errors
/// A blob of a known name that is damaged.
pub(super) fn decode(name: &str, data: &Bytes) -> Result<Option<String>> {
    let schema = match name {
        MODEL_METADATA => &tables::ModelMetadata,
        CONVERSION_METADATA => &tables::ConversionMetadata,
        MIN_RUNTIME_VERSION | "reduced_precision_support" => return Ok(Some(text(data))),
        _ => return Ok(None),
    };
    if data.is_empty() {
        return Ok(None);
    }
    let value = object(schema, Source::new(data).root()?)?;
    Ok(serde_json::to_string_pretty(&value).ok())
}

/// Text up to the first NUL.
pub(super) fn text(data: &[u8]) -> String {
    let end = data.iter().position(|&b| b == 0).unwrap_or(data.len());
    String::from_utf8_lossy(&data[..end]).into_owned()
}

/// The version of TensorFlow that made the file, out of the decoded CONVERSION_METADATA.
pub(super) fn tensorflow_version(decoded: &str) -> Option<String> {
    let value: Value = serde_json::from_str(decoded).ok()?;
    Some(
        value["environment"]["tensorflow_version"]
            .as_str()?
            .to_owned(),
    )
}

/// What the decoded TFLITE_METADATA tells of the inputs of subgraph `graph`, in the subgraph's own order.
pub(super) fn contents(decoded: &str, graph: usize) -> Vec<Content> {
    let value: Value = serde_json::from_str(decoded).unwrap_or_default();
    let inputs = &value["subgraph_metadata"][graph]["input_tensor_metadata"];
    let inputs = inputs.as_array().map_or(&[][..], Vec::as_slice);
    inputs.iter().map(content).collect()
}

fn content(tensor: &Value) -> Content {
    let numbers = |of: &Value| -> Vec<f32> {
        let numbers = of.as_array().map_or(&[][..], Vec::as_slice);
        numbers
            .iter()
            .filter_map(|v| Some(v.as_f64()? as f32))
            .collect()
    };
    let units = tensor["process_units"].as_array();
    let normalization = units.into_iter().flatten().find_map(|unit| {
        let options = &unit["options"];
        (options["type"] == "NormalizationOptions").then_some(())?;
        Normalization::new(numbers(&options["mean"]), numbers(&options["std"]))
    });
    let stats = ["min", "max"].map(|end| numbers(&tensor["stats"][end]));
    let low = stats[0].iter().copied().reduce(f32::min);
    let high = stats[1].iter().copied().reduce(f32::max);
    let range = low.zip(high).filter(|(low, high)| low < high);
    let sound = &tensor["content"]["content_properties"];
    Content {
        normalization: normalization.map(|n| (n, Teller::Metadata)),
        sample_rate: (sound["sample_rate"].as_u64())
            .and_then(|rate| u32::try_from(rate).ok())
            .filter(|&rate| rate > 0),
        range: range.map(|(low, high)| (low.into(), high.into())),
    }
}

/// A table as JSON: the fields that are there, enums by name, a union as its table with the name of it in `type`.
fn object(schema: &schema::Table, table: Table<'_>) -> Result<Value> {
    let mut map = Map::new();
    for field in schema.fields {
        if let Some(value) = value(field, table).map_err(|e| e.at(field.name))? {
            map.insert(field.name.to_owned(), value);
        }
    }
    Ok(Value::Object(map))
}

fn value(field: &Field, table: Table<'_>) -> Result<Option<Value>> {
    let slot = field.slot();
    if !table.has(slot)? {
        return Ok(None);
    }
    Ok(Some(match &field.kind {
        Kind::Bool => json!(table.flag(slot, false)?),
        Kind::Float => json!(schema::float(field, table)?),
        Kind::Enum(of) => {
            let number = schema::integer(&of.base, field, table)?;
            json!(*schema::name_or_number(of.member(number), number))
        }
        Kind::String => json!(table.text(slot)?),
        Kind::Table(of) => return table.table(slot)?.map(|t| object(of, t)).transpose(),
        Kind::Union(of) => {
            let tag = table.scalar(slot - 2, 0u8)?;
            let member = usize::from(tag)
                .checked_sub(1)
                .and_then(|at| of.members.get(at));
            match (member, table.table(slot)?) {
                (Some(member), Some(inner)) => {
                    let mut value = object(member, inner)?;
                    if let Value::Object(map) = &mut value {
                        map.insert("type".to_owned(), json!(member.name));
                    }
                    value
                }
                _ => json!({ "type": tag }),
            }
        }
        Kind::Vector(of) => vector(of, slot, table)?,
        kind => json!(schema::integer(kind, field, table)?),
    }))
}

fn vector(of: &Kind, slot: u16, table: Table<'_>) -> Result<Value> {
    Ok(match of {
        Kind::Table(of) => table
            .tables(slot)?
            .iter()
            .map(|inner| object(of, inner?))
            .collect::<Result<_>>()?,
        Kind::String => json!(table.texts(slot)?),
        Kind::Float => json!(table.numbers::<f32>(slot)?),
        Kind::Int | Kind::Enum(_) => match of {
            Kind::Enum(of) => table
                .numbers::<i32>(slot)?
                .unwrap_or_default()
                .into_iter()
                .map(|n| json!(*schema::name_or_number(of.member(n.into()), n.into())))
                .collect(),
            _ => json!(table.numbers::<i32>(slot)?),
        },
        Kind::Uint => json!(table.numbers::<u32>(slot)?),
        Kind::Ubyte => {
            let bytes = table.bytes(slot)?.unwrap_or_default();
            json!({ "bytes": bytes.len() })
        }
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_inputs_are_is_told_in_the_graphs_order() {
        let decoded = r#"{"subgraph_metadata": [{"input_tensor_metadata": [
            {"name": "clip", "content": {"content_properties": {"sample_rate": 16000, "channels": 1}}},
            {"name": "image", "stats": {"min": [-1.0, -2.0], "max": [1.0]}, "process_units": [
                {"options": {"score_transformation": "LOG", "type": "ScoreCalibrationOptions"}},
                {"options": {"mean": [127.5], "std": [127.5], "type": "NormalizationOptions"}}]},
            {"stats": {"min": [0.0], "max": [0.0]}, "process_units": [
                {"options": {"mean": [0.0], "std": [0.0], "type": "NormalizationOptions"}}]}]}]}"#;
        let told = contents(decoded, 0);
        assert_eq!(told[0].sample_rate, Some(16_000));
        let signed = Normalization::between(-1.0, 1.0).unwrap();
        assert_eq!(told[1].normalization, Some((signed, Teller::Metadata)));
        assert_eq!(told[1].range, Some((-2.0, 1.0)));
        assert_eq!(told[2], Content::default());
        assert!(contents(decoded, 1).is_empty() && contents("[", 0).is_empty());
    }
}

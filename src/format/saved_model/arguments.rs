//! Arguments and results of traced functions, from the structures that an export keeps of them.

use bytes::Bytes;

use super::{pb, tensor};
use crate::model::{Argument, DType, Given, Shape};

/// Structures of more bytes are not looked into: decoded they take fifty times as much.
const LARGEST: usize = 64 << 10;
/// Bytes that all arguments of a model may take; real models need a megabyte.
const ALL_ARGUMENTS: usize = 16 << 20;
/// Bytes of the name of an argument deep in a structure.
const LONGEST_NAME: usize = 200;

/// Names of the parameters of a Python function in their order.
#[derive(Debug, Default, Clone)]
pub struct Parameters(Vec<String>);

impl Parameters {
    /// Of a FunctionSpec; none where it says nothing. The object that a method belongs to is no parameter.
    pub fn of_spec(spec: &Bytes) -> Parameters {
        use pb::structured_value::Kind;
        let Some(spec) = decode::<pb::FunctionSpec>(spec, "FunctionSpec") else {
            return Parameters::default();
        };
        let Some(Kind::NamedTupleValue(argspec)) = spec.fullargspec.and_then(|s| s.kind) else {
            return Parameters::default();
        };
        let args = argspec.values.into_iter().find(|pair| pair.key == "args");
        let list = match args.and_then(|pair| pair.value).and_then(|v| v.kind) {
            Some(Kind::ListValue(list)) => list.values,
            Some(Kind::TupleValue(tuple)) => tuple.values,
            _ => Vec::new(),
        };
        let names = list.into_iter().map(|value| match value.kind {
            Some(Kind::StringValue(name)) => name,
            _ => String::new(),
        });
        // Of today's methods it is left out already.
        let own = |at: usize, name: &String| at == 0 && name == "self";
        let names = names.enumerate().filter(|(at, name)| !own(*at, name));
        Parameters(names.map(|(_, name)| name).collect())
    }

    /// Whether all names of the other are here, and more.
    pub fn extend(&self, other: &Parameters) -> bool {
        self.0.len() > other.0.len() && other.0.iter().all(|name| self.0.contains(name))
    }

    /// Of a function that is saved with its names alone.
    pub fn named(names: Vec<String>) -> Parameters {
        Parameters(names)
    }
}

/// Takes structures apart, as long as what it makes stays small.
pub struct Reader {
    left: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            left: ALL_ARGUMENTS,
        }
    }
}

impl Reader {
    /// What a caller gives: positional arguments, then those by name.
    pub fn arguments(&mut self, signature: &Bytes, parameters: &Parameters) -> Vec<Argument> {
        use pb::structured_value::Kind;
        let mut found = Vec::new();
        let kind = structure(signature);
        let Some(Kind::TupleValue(pair)) = kind else {
            self.leaves("", kind, &mut found);
            return found;
        };
        let mut parts = pair.values.into_iter().map(|v| v.kind);
        match parts.next().flatten() {
            Some(Kind::TupleValue(positional)) => {
                for (at, value) in positional.values.into_iter().enumerate() {
                    let name = parameters.0.get(at).map_or("", String::as_str);
                    self.leaves(name, value.kind, &mut found);
                }
            }
            other => self.leaves("", other, &mut found),
        }
        match parts.next().flatten() {
            Some(Kind::DictValue(by_name)) => {
                for (name, value) in by_name.fields {
                    self.leaves(&name, value.kind, &mut found);
                }
            }
            other => self.leaves("", other, &mut found),
        }
        found
    }

    /// What it gives back.
    pub fn results(&mut self, signature: &Bytes) -> Vec<Argument> {
        use pb::structured_value::Kind;
        let mut found = Vec::new();
        match structure(signature) {
            Some(Kind::DictValue(by_name)) => {
                for (name, value) in by_name.fields {
                    self.leaves(&name, value.kind, &mut found);
                }
            }
            other => self.leaves("", other, &mut found),
        }
        found
    }

    fn leaves(
        &mut self,
        name: &str,
        kind: Option<pb::structured_value::Kind>,
        found: &mut Vec<Argument>,
    ) {
        use pb::structured_value::Kind;
        let fixed = |text: String| (name.to_owned(), Given::Fixed(text.into()));
        let plain = |own: &str, number: i32, shape: Option<&pb::TensorShapeProto>| {
            let name = if name.is_empty() { own } else { name };
            let given = Given::Tensor {
                dtype: tensor::dtype(number).0,
                shape: shape.map_or(Shape::UNKNOWN, tensor::shape),
                kind: "".into(),
            };
            (name.to_owned(), given)
        };
        let (name, given) = match kind {
            None => return,
            Some(Kind::NoneValue(_)) => fixed("None".to_owned()),
            Some(Kind::Float64Value(v)) => fixed(format!("{v:?}")),
            Some(Kind::Int64Value(v)) => fixed(v.to_string()),
            Some(Kind::StringValue(v)) => fixed(format!("{v:?}")),
            Some(Kind::BoolValue(v)) => fixed(if v { "True" } else { "False" }.to_owned()),
            Some(Kind::TensorShapeValue(v)) => fixed(tensor::shape(&v).to_string()),
            Some(Kind::TensorDtypeValue(v)) => fixed(tensor::dtype(v).0.to_string()),
            Some(Kind::TensorValue(v) | Kind::NumpyValue(v)) => {
                plain("", v.dtype, v.tensor_shape.as_ref())
            }
            Some(Kind::TensorSpecValue(v)) => {
                // What TensorFlow calls a result that has no name.
                let own = Some(&*v.name).filter(|name| *name != "unknown");
                plain(own.unwrap_or_default(), v.dtype, v.shape.as_ref())
            }
            Some(Kind::BoundedTensorSpecValue(v)) => plain(&v.name, v.dtype, v.shape.as_ref()),
            Some(Kind::TypeSpecValue(v)) => (name.to_owned(), composite(*v)),
            Some(
                Kind::ListValue(pb::ListValue { values })
                | Kind::TupleValue(pb::TupleValue { values }),
            ) => {
                for (at, value) in values.into_iter().enumerate() {
                    self.leaves(&within(name, at), value.kind, found);
                }
                return;
            }
            Some(Kind::DictValue(dict)) => {
                for (key, value) in dict.fields {
                    self.leaves(&within(name, format_args!("{key:?}")), value.kind, found);
                }
                return;
            }
            Some(Kind::NamedTupleValue(tuple)) => {
                for pair in tuple.values {
                    let name = cut(format!("{name}.{}", pair.key));
                    self.leaves(&name, pair.value.and_then(|v| v.kind), found);
                }
                return;
            }
        };
        let name = cut(name);
        let size = size_of::<Argument>() + name.len() + given.describe().len();
        if let Some(left) = self.left.checked_sub(size) {
            self.left = left;
            found.push(Argument {
                name: name.into(),
                given,
            });
        }
    }
}

/// `batch["a"]`, `[0]`
fn within(name: &str, key: impl std::fmt::Display) -> String {
    cut(format!("{name}[{key}]"))
}

fn cut(mut name: String) -> String {
    if name.len() > LONGEST_NAME {
        let end = (0..=LONGEST_NAME)
            .rev()
            .find(|&at| name.is_char_boundary(at));
        name.truncate(end.unwrap_or(0));
        name.push('…');
    }
    name
}

/// What holds several tensors: its class, and the shape and type that its state begins with.
fn composite(spec: pb::TypeSpecProto) -> Given {
    use pb::structured_value::Kind;
    let class = spec.type_spec_class_name.rsplit('.').next();
    let kind = match class {
        Some(class) if !class.is_empty() => class.to_owned(),
        _ => spec.type_spec_class().as_str_name().to_lowercase(),
    };
    let (mut dtype, mut shape) = (DType::Invalid, Shape::UNKNOWN);
    let mut state = match spec.type_state.and_then(|s| s.kind) {
        Some(Kind::TupleValue(state)) => state.values,
        _ => Vec::new(),
    };
    for value in state.drain(..).take(2) {
        match value.kind {
            Some(Kind::TensorShapeValue(v)) => shape = tensor::shape(&v),
            Some(Kind::TensorDtypeValue(v)) => dtype = tensor::dtype(v).0,
            _ => {}
        }
    }
    Given::Tensor {
        dtype,
        shape,
        kind: cut(kind).into(),
    }
}

fn structure(bytes: &Bytes) -> Option<pb::structured_value::Kind> {
    decode::<pb::StructuredValue>(bytes, "StructuredValue")?.kind
}

/// What can't be decoded is only missing from the facts about a function.
fn decode<M: prost::Message + prost::Name + Default>(
    bytes: &Bytes,
    name: &'static str,
) -> Option<M> {
    if bytes.len() > LARGEST {
        return None;
    }
    pb::decode(bytes.clone(), name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::saved_model::pbtxt;
    use proptest::prelude::*;

    fn binary(text: &str, message: &str) -> Bytes {
        pbtxt::to_binary(text.as_bytes(), message).unwrap().into()
    }

    fn told(arguments: &[Argument]) -> Vec<String> {
        let told = |a: &Argument| format!("{}: {}", a.name, a.given.describe());
        arguments.iter().map(told).collect()
    }

    #[test]
    fn arguments_have_the_names_that_python_gave_them() {
        let spec = binary(
            r#"fullargspec { named_tuple_value { name: "FullArgSpec" values {
                key: "args" value { list_value {
                    values { string_value: "self" } values { string_value: "x" }
                    values { string_value: "training" } values { string_value: "batch" } } } } } }"#,
            ".mexplore.FunctionSpec",
        );
        let signature = binary(
            r#"tuple_value {
              values { tuple_value {
                values { tensor_spec_value { name: "inputs" dtype: DT_FLOAT
                    shape { dim { size: -1 } dim { size: 3 } } } }
                values { bool_value: false }
                values { dict_value { fields { key: "a" value { list_value {
                    values { int64_value: -2 } values { none_value {} } } } } } }
              } }
              values { dict_value { fields { key: "mask" value { type_spec_value {
                type_spec_class: RAGGED_TENSOR_SPEC type_spec_class_name: "RaggedTensorSpec"
                type_state { tuple_value {
                    values { tensor_shape_value { dim { size: 2 } dim { size: -1 } } }
                    values { tensor_dtype_value: DT_INT32 } values { int64_value: 1 } } } } } } } }
            }"#,
            ".mexplore.StructuredValue",
        );
        let parameters = Parameters::of_spec(&spec);
        let found = Reader::default().arguments(&signature, &parameters);
        assert_eq!(
            told(&found),
            [
                "x: float32 ?×3",
                "training: False",
                r#"batch["a"][0]: -2"#,
                r#"batch["a"][1]: None"#,
                "mask: RaggedTensorSpec of int32 2×?",
            ]
        );
    }

    #[test]
    fn results_are_told_by_their_keys_or_their_places() {
        let list = binary(
            r#"list_value { values { tensor_spec_value { name: "y" dtype: DT_INT64 shape {} } }
                values { tensor_spec_value { dtype: DT_STRING shape { unknown_rank: true } } } }"#,
            ".mexplore.StructuredValue",
        );
        let found = Reader::default().results(&list);
        assert_eq!(
            told(&found),
            ["[0]: int64 scalar", "[1]: string unknown rank"]
        );
        let one = binary(
            r#"dict_value { fields { key: "y" value { tensor_spec_value { dtype: DT_HALF shape {} } } } }"#,
            ".mexplore.StructuredValue",
        );
        assert_eq!(
            told(&Reader::default().results(&one)),
            ["y: float16 scalar"]
        );
    }

    #[test]
    fn a_web_of_names_stays_small() {
        // Each level makes the name of every leaf longer.
        let key = "k".repeat(100);
        let mut text = "values { none_value {} } ".repeat(2000);
        for _ in 0..15 {
            text = format!(
                "values {{ dict_value {{ fields {{ key: {key:?} value {{ list_value {{ {text} }} }} }} }} }}"
            );
        }
        let bytes = binary(
            &format!("list_value {{ {text} }}"),
            ".mexplore.StructuredValue",
        );
        let mut reader = Reader { left: 10_000 };
        let found = reader.results(&bytes);
        assert!((10..40).contains(&found.len()), "{}", found.len());
        assert!(found.iter().all(|a| a.name.len() <= LONGEST_NAME + 3));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let bytes = Bytes::from(bytes);
            let parameters = Parameters::of_spec(&bytes);
            let mut reader = Reader::default();
            reader.arguments(&bytes, &parameters);
            reader.results(&bytes);
        }
    }
}

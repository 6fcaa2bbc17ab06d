//! Attributes of nodes and functions.

use std::collections::BTreeMap;

use foldhash::HashSet;

use super::{pb, tensor};
use crate::model::{Attr, Attrs, Name};

/// Names that occur again and again, each held once.
#[derive(Debug, Default)]
pub struct Names(HashSet<Name>);

impl Names {
    pub fn get(&mut self, text: &str) -> Name {
        match self.0.get(text) {
            Some(name) => name.clone(),
            None => {
                let name = Name::from(text);
                self.0.insert(name.clone());
                name
            }
        }
    }
}

pub fn attrs(proto: BTreeMap<String, pb::AttrValue>, names: &mut Names) -> Attrs {
    proto
        .into_iter()
        .map(|(name, value)| (names.get(&name), attr(value, names)))
        .collect()
}

pub fn attr(proto: pb::AttrValue, names: &mut Names) -> Attr {
    use pb::attr_value::Value;
    match proto.value {
        None => Attr::Opaque(names.get("no value")),
        Some(Value::S(bytes)) => Attr::Bytes(bytes),
        Some(Value::I(v)) => Attr::Int(v),
        Some(Value::F(v)) => Attr::Float(f64::from(v)),
        Some(Value::B(v)) => Attr::Bool(v),
        Some(Value::Type(v)) => Attr::Type(tensor::dtype(v).0),
        Some(Value::Shape(v)) => Attr::Shape(tensor::shape(&v)),
        Some(Value::Tensor(v)) => tensor_attr(*v),
        Some(Value::Placeholder(v)) => Attr::Opaque(Name::from(format!("${v}"))),
        Some(Value::Func(v)) => func(v, names),
        Some(Value::List(list)) => Attr::List(elements(*list, names)),
    }
}

fn tensor_attr(proto: pb::TensorProto) -> Attr {
    let (dtype, shape, data) = tensor::tensor(proto);
    Attr::Tensor { dtype, shape, data }
}

fn func(proto: pb::NameAttrList, names: &mut Names) -> Attr {
    Attr::Func {
        name: names.get(&proto.name),
        attrs: attrs(proto.attr, names),
    }
}

/// A list holds elements of one sort; in a damaged file of several.
fn elements(list: pb::attr_value::ListValue, names: &mut Names) -> Vec<Attr> {
    let mut all: Vec<Attr> = list.s.into_iter().map(Attr::Bytes).collect();
    all.extend(list.i.into_iter().map(Attr::Int));
    all.extend(list.f.into_iter().map(|v| Attr::Float(f64::from(v))));
    all.extend(list.b.into_iter().map(Attr::Bool));
    all.extend(list.r#type.iter().map(|&v| Attr::Type(tensor::dtype(v).0)));
    all.extend(list.shape.iter().map(|v| Attr::Shape(tensor::shape(v))));
    all.extend(list.tensor.into_iter().map(tensor_attr));
    all.extend(list.func.into_iter().map(|f| func(f, names)));
    all
}

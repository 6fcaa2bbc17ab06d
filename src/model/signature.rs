//! Signatures: the named ways into a model.

use std::borrow::Cow;

use super::Name;
use super::attr::Attr;
use super::content::Content;
use super::dtype::DType;
use super::graph::{Graph, ValueId};
use super::quantization::Quantization;
use super::shape::Shape;
use super::tensor::Tensor;
use crate::error::Result;

/// A SignatureDef of either file kind.
#[derive(Debug, Clone)]
pub struct Signature {
    pub key: Name,
    /// `tensorflow/serving/predict`; empty in a .tflite.
    pub method: Name,
    /// A field of old .tflite files that nothing reads.
    pub deprecated_tag: Option<Name>,
    /// Index into [`super::MetaGraph::graphs`].
    pub graph: usize,
    /// In the order of names.
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// No SignatureDef in the file: made from a subgraph's own inputs and outputs, in its order.
    pub implied: bool,
}

impl Signature {
    /// The same with a port for each tensor that a sparse or composite one is made of: `x_indices`, `x_values` and
    /// `x_dense_shape` for a sparse `x`, `x_0`, `x_1`, … for any other. `graph` is the signature's.
    pub fn of_tensors(&self, graph: &Graph) -> Cow<'_, Signature> {
        let mut ports = self.inputs.iter().chain(&self.outputs);
        if !ports.any(Port::has_parts) {
            return Cow::Borrowed(self);
        }
        let nodes = graph.nodes_by_name();
        let value = |tensor: &str| {
            let (name, index) = tensor.rsplit_once(':').unwrap_or((tensor, "0"));
            let outputs = &graph.node(*nodes.get(name)?).outputs;
            outputs.get(index.parse::<usize>().ok()?).copied()
        };
        let tensors = |ports: &[Port]| -> Vec<Port> {
            let each = |port: &Port| match port.has_parts() {
                true => port.of_parts(graph, value),
                false => vec![port.clone()],
            };
            ports.iter().flat_map(each).collect()
        };
        Cow::Owned(Signature {
            inputs: tensors(&self.inputs),
            outputs: tensors(&self.outputs),
            ..self.clone()
        })
    }
}

/// A named input or output of a signature.
#[derive(Debug, Clone)]
pub struct Port {
    pub name: Name,
    /// The tensor behind it as the file names it (`serving_default_x:0`); `None` for sparse and composite ones.
    pub tensor: Option<Name>,
    /// Its value in the signature's graph, if it was found.
    pub value: Option<ValueId>,
    pub dtype: DType,
    pub reference: bool,
    /// As the signature states it; where it states none, as the graph has it.
    pub shape: Shape,
    /// A SavedModel's signature states no shape at all, which TensorFlow's own tools read as a scalar.
    pub shape_absent: bool,
    pub quantization: Option<Quantization>,
    /// The tensors that make up a sparse or composite one, as the file names them.
    pub parts: Vec<Name>,
    /// What an input is when nobody gives it; of a SavedModel, an [`Attr::Tensor`].
    pub default: Option<Attr>,
    /// An input's values have to be below this to be indices of the tables that they pick from, where somebody has
    /// looked for it.
    pub index_bound: Option<u64>,
    /// What is known of an input's values.
    pub content: Content,
}

impl Port {
    /// A port with no value behind it.
    pub fn new(name: impl Into<Name>, dtype: DType, shape: Shape) -> Self {
        Port {
            name: name.into(),
            tensor: None,
            value: None,
            dtype,
            reference: false,
            shape,
            shape_absent: false,
            quantization: None,
            parts: Vec::new(),
            default: None,
            index_bound: None,
            content: Content::default(),
        }
    }

    /// The value `id` of `graph` under the name `name`.
    pub fn of(name: impl Into<Name>, graph: &Graph, id: ValueId) -> Self {
        let value = graph.value(id);
        Port {
            tensor: Some(value.name.clone()),
            value: Some(id),
            quantization: value.quantization.as_deref().cloned(),
            ..Port::new(name, value.dtype, value.shape.clone())
        }
    }

    /// The port of the value that stands in `is`, of `graph`, where its own stood in `was`.
    pub(super) fn follow(
        &mut self,
        was: &[Option<ValueId>],
        is: &[Option<ValueId>],
        graph: &Graph,
    ) {
        let place = was.iter().position(|v| v.is_some() && *v == self.value);
        if let Some(id) = place.and_then(|p| is.get(p).copied().flatten()) {
            let value = graph.value(id);
            self.value = Some(id);
            self.tensor = Some(value.name.clone());
            self.dtype = value.dtype;
            self.shape = value.shape.clone();
            self.quantization = value.quantization.as_deref().cloned();
        }
    }
}

/// Elements of a default that is written out, and its dimensions.
const SHORT: usize = 64;
const FLAT: usize = 8;

impl Port {
    /// It is no plain tensor: sparse or composite.
    fn has_parts(&self) -> bool {
        self.tensor.is_none() && !self.parts.is_empty()
    }

    /// A port for each part; `value` finds what the file names in `graph`.
    fn of_parts(&self, graph: &Graph, value: impl Fn(&str) -> Option<ValueId>) -> Vec<Port> {
        // In the order in which the file has them.
        const SPARSE: [&str; 3] = ["values", "indices", "dense_shape"];
        let sparse = self.dtype != DType::Invalid && self.parts.len() == SPARSE.len();
        let port = |(at, tensor): (usize, &Name)| {
            let name = match sparse {
                true => format!("{}_{}", self.name, SPARSE[at]),
                false => format!("{}_{at}", self.name),
            };
            match value(tensor) {
                Some(value) => Port::of(name, graph, value),
                None => Port::new(name, DType::Invalid, Shape::UNKNOWN),
            }
        };
        self.parts.iter().enumerate().map(port).collect()
    }

    /// `float32`; for what is no plain tensor what it is: `sparse float32`, `composite`.
    pub fn type_text(&self) -> String {
        match (self.has_parts(), self.dtype) {
            (true, DType::Invalid) => "composite".to_owned(),
            (true, dtype) => format!("sparse {dtype}"),
            (false, dtype) => dtype.to_string(),
        }
    }

    /// The value of an input that nobody gives; `None` where it has to be given.
    pub fn default_value(&self) -> Option<Result<Tensor>> {
        let Some(Attr::Tensor { dtype, shape, data }) = &self.default else {
            return None;
        };
        let sizes = shape.fixed()?;
        Some(data.read(*dtype, &sizes))
    }

    /// A short default as a literal: `2.5`, `[[1,2],[3,4]]`.
    pub fn default_literal(&self) -> Option<String> {
        let Some(Attr::Tensor { shape, .. }) = &self.default else {
            return None;
        };
        shape.elements().filter(|n| (1..=SHORT).contains(n))?;
        shape.rank().filter(|&rank| rank <= FLAT)?;
        let tensor = self.default_value()?.ok()?;
        Some(literal(&tensor, tensor.shape(), &mut 0))
    }
}

fn literal(tensor: &Tensor, sizes: &[usize], at: &mut usize) -> String {
    let Some((&size, inner)) = sizes.split_first() else {
        *at += 1;
        return match tensor.strings() {
            Some(all) => format!("{:?}", String::from_utf8_lossy(&all[*at - 1])),
            None => tensor.element_text(*at - 1),
        };
    };
    let parts: Vec<String> = (0..size).map(|_| literal(tensor, inner, at)).collect();
    format!("[{}]", parts.join(","))
}

impl Signature {
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|p| &*p.name == name)
    }

    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|p| &*p.name == name)
    }

    /// `predict` for `tensorflow/serving/predict`; other methods as they are.
    pub fn short_method(&self) -> &str {
        let method = &*self.method;
        method.strip_prefix("tensorflow/serving/").unwrap_or(method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TensorData;

    fn port(tensor: &Tensor) -> Port {
        Port {
            default: Some(Attr::Tensor {
                dtype: tensor.dtype(),
                shape: Shape::of(tensor.shape()),
                data: TensorData::of(tensor),
            }),
            ..Port::new("x", tensor.dtype(), Shape::UNKNOWN)
        }
    }

    #[test]
    fn what_is_no_plain_tensor_says_so() {
        let mut port = Port::new("x", DType::Invalid, Shape::UNKNOWN);
        assert_eq!(port.type_text(), "invalid");
        port.parts = vec!["a:0".into(), "b:0".into()];
        assert_eq!(port.type_text(), "composite");
        port.dtype = DType::Float32;
        assert_eq!(port.type_text(), "sparse float32");
    }

    #[test]
    fn short_defaults_are_literals() {
        let of = |tensor: &Tensor| port(tensor).default_literal();
        let grid = Tensor::from_values(&[2, 2], &[1, 2, 3, 4]);
        assert_eq!(of(&grid).as_deref(), Some("[[1,2],[3,4]]"));
        assert_eq!(port(&grid).default_value().unwrap().unwrap(), grid);
        let words = Tensor::from_strings(&[1], vec![b"a\"b".to_vec()]);
        assert_eq!(of(&words).as_deref(), Some(r#"["a\"b"]"#));
        assert_eq!(
            of(&Tensor::from_values(&[], &[2.5f32])).as_deref(),
            Some("2.5")
        );
        assert_eq!(of(&Tensor::from_values(&[65], &[0; 65])), None);
        assert_eq!(of(&Tensor::from_values::<i32>(&[1 << 30, 0], &[])), None);
        assert_eq!(of(&Tensor::from_values(&[1; 9], &[0])), None);
        assert!(
            Port::new("x", DType::Int8, Shape::UNKNOWN)
                .default_value()
                .is_none()
        );
    }
}

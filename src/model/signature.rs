//! Signatures: the named ways into a model.

use super::Name;
use super::dtype::DType;
use super::graph::{Graph, ValueId};
use super::quantization::Quantization;
use super::shape::Shape;

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
        }
    }

    /// The value `id` of `graph` under the name `name`.
    pub fn of(name: impl Into<Name>, graph: &Graph, id: ValueId) -> Self {
        let value = graph.value(id);
        Port {
            tensor: Some(value.name.clone()),
            value: Some(id),
            quantization: value.quantization.clone(),
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
            self.quantization = value.quantization.clone();
        }
    }
}

impl Signature {
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|p| &*p.name == name)
    }

    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|p| &*p.name == name)
    }
}

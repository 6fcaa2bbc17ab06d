//! How TensorFlow operators become TFLite operators: one file per family, found by [`lowering`].
//!
//! A lowering gets the node and its operands, already lowered, and emits TFLite operators through [`Lowering`],
//! which infers types and shapes (unknown sizes as -1), follows shape arithmetic element by element and folds
//! what is constant.

mod attrs;
mod compose;
mod conv;
mod einsum;
mod eval;
mod index;
mod layout;
mod makers;
mod matmul;
mod norm;
mod partial;
mod patterns;
mod pool;
mod reduce;
mod reshape;
pub mod shapes;
mod twins;

use std::collections::HashMap;

pub use attrs::{activation, padding};
pub use eval::evaluate;

use crate::error::{Error, Result};
use crate::model::{
    Attr, Attrs, DType, Dialect, Graph, GraphKind, Name, Node, Shape, Tensor, Value, ValueId,
};
use shapes::Arg;

/// A TensorFlow node with its operands in the graph that is being made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub node: &'a Node,
    pub inputs: &'a [ValueId],
    /// Types that TensorFlow gives the results; what the lowering makes should agree.
    pub results: &'a [DType],
}

impl Call<'_> {
    pub fn op(&self) -> &str {
        &self.node.op
    }

    /// Operand `index`.
    pub fn arg(&self, index: usize) -> Result<ValueId> {
        self.inputs.get(index).copied().ok_or_else(|| {
            Error::unreadable(format!(
                "{} has {} operands, expected at least {}",
                self.node.op,
                self.inputs.len(),
                index + 1
            ))
        })
    }

    /// A text attribute, or what TensorFlow takes where it is stripped.
    pub fn text<'b>(&'b self, name: &str, default: &'b str) -> &'b str {
        self.node.attrs.text(name).unwrap_or(default)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.node.attrs.bool(name).unwrap_or(false)
    }
}

/// Lowers one node; the results in the order of the node's own.
pub type Lower = fn(&mut Lowering, &Call<'_>) -> Result<Vec<ValueId>>;

/// The lowering of a TensorFlow operator, if there is one.
pub fn lowering(op: &str) -> Option<Lower> {
    conv::find(op)
        .or_else(|| matmul::find(op))
        .or_else(|| pool::find(op))
        .or_else(|| norm::find(op))
        .or_else(|| reduce::find(op))
        .or_else(|| reshape::find(op))
        .or_else(|| index::find(op))
        .or_else(|| compose::find(op))
        .or_else(|| makers::find(op))
        .or_else(|| patterns::find(op))
        .or_else(|| twins::find(op))
}

/// The TFLite graph in the making.
#[derive(Debug)]
pub struct Lowering {
    pub graph: Graph,
    /// Elements of small integer values, as far as they are known.
    known: HashMap<ValueId, Vec<Option<i64>>>,
    /// The TensorFlow node that is being lowered; names what is made.
    current: Name,
    made: usize,
}

impl Lowering {
    pub fn new(name: impl Into<Name>) -> Self {
        Lowering {
            graph: Graph::new(name, GraphKind::Subgraph, Dialect::Tflite),
            known: HashMap::new(),
            current: Name::from(""),
            made: 0,
        }
    }

    /// The node that the next values are made for.
    pub fn begin(&mut self, name: &Name) {
        self.current = name.clone();
        self.made = 0;
    }

    pub fn shape(&self, value: ValueId) -> &Shape {
        &self.graph.value(value).shape
    }

    pub fn dtype(&self, value: ValueId) -> DType {
        self.graph.value(value).dtype
    }

    /// The number of dimensions; an error where the model leaves it open.
    pub fn rank(&self, value: ValueId) -> Result<usize> {
        self.shape(value)
            .rank()
            .ok_or_else(|| Error::unsupported("needs an operand of known rank"))
    }

    /// The sizes with -1 where unknown; an error where the rank is open.
    pub fn dims(&self, value: ValueId) -> Result<Vec<i64>> {
        self.shape(value)
            .dims()
            .map(<[i64]>::to_vec)
            .ok_or_else(|| Error::unsupported("needs an operand of known rank"))
    }

    /// The values of a constant.
    pub fn tensor(&self, value: ValueId) -> Result<Option<Tensor>> {
        self.graph.value(value).read().transpose()
    }

    pub fn is_constant(&self, value: ValueId) -> bool {
        self.graph.value(value).data.is_some()
    }

    /// The elements of an integer value as far as they are known; `None` when nothing is.
    pub fn known(&self, value: ValueId) -> Option<Vec<Option<i64>>> {
        if let Some(known) = self.known.get(&value) {
            return Some(known.clone());
        }
        partial::constant_elements(self.graph.value(value))
    }

    /// All elements of an integer operand that has to be constant; `what` names it for people.
    pub fn ints(&self, value: ValueId, what: &str) -> Result<Vec<i64>> {
        self.known(value)
            .and_then(|known| known.into_iter().collect())
            .ok_or_else(|| Error::unsupported(format!("{what} is known only at run time")))
    }

    pub fn constant(&mut self, tensor: &Tensor) -> ValueId {
        let name = self.next_name();
        self.graph.add_value(Value::constant(name, tensor))
    }

    /// An int32 vector.
    pub fn int_vector(&mut self, values: &[i64]) -> Result<ValueId> {
        let narrow = narrow(values)?;
        Ok(self.constant(&Tensor::from_values(&[narrow.len()], &narrow)))
    }

    /// An int32 scalar.
    pub fn int_scalar(&mut self, value: i64) -> Result<ValueId> {
        Ok(self.constant(&Tensor::from_values(&[], &narrow(&[value])?)))
    }

    /// A scalar of a float or integer type.
    pub fn scalar(&mut self, dtype: DType, value: f64) -> Result<ValueId> {
        let tensor = eval::from_numbers(dtype, &[], &[value])
            .ok_or_else(|| Error::unsupported(format!("no {dtype} constants here")))?;
        Ok(self.constant(&tensor))
    }

    /// `value` as an int32 operand: indices, sizes and axes of TFLite operators.
    pub fn as_int32(&mut self, value: ValueId) -> Result<ValueId> {
        if self.dtype(value) == DType::Int32 {
            return Ok(value);
        }
        self.cast(value, DType::Int32)
    }

    pub fn cast(&mut self, value: ValueId, to: DType) -> Result<ValueId> {
        if self.dtype(value) == to {
            return Ok(value);
        }
        let attrs = Attrs::new()
            .with("in_data_type", Attr::Type(self.dtype(value)))
            .with("out_data_type", Attr::Type(to));
        self.emit("CAST", &[value], attrs)
    }

    pub fn transpose(&mut self, value: ValueId, order: &[i64]) -> Result<ValueId> {
        let order = self.int_vector(order)?;
        self.emit("TRANSPOSE", &[value, order], Attrs::new())
    }

    /// Reshapes to known sizes, at most one of them -1.
    pub fn reshape(&mut self, value: ValueId, sizes: &[i64]) -> Result<ValueId> {
        let sizes = self.int_vector(sizes)?;
        self.emit("RESHAPE", &[value, sizes], Attrs::new())
    }

    /// Emits an operator with one result.
    pub fn emit(&mut self, op: &str, inputs: &[ValueId], attrs: Attrs) -> Result<ValueId> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.emit_all(op, &inputs, attrs)?
            .first()
            .copied()
            .ok_or_else(|| Error::unsupported(format!("{op} makes nothing")))
    }

    /// Emits an operator, or its results as constants where every operand is one.
    pub fn emit_all(
        &mut self,
        op: &str,
        inputs: &[Option<ValueId>],
        attrs: Attrs,
    ) -> Result<Vec<ValueId>> {
        let args: Vec<Option<Arg>> = inputs.iter().map(|v| v.map(|v| self.arg(v))).collect();
        let results = shapes::infer(op, &args, &attrs)?;
        if let Some(folded) = self.fold(op, inputs, &attrs)? {
            return Ok(folded);
        }
        let known = partial::elements(op, &args, &attrs, &results);
        let outputs = self.add_results(&results);
        if let (Some(known), [output]) = (known, &*outputs) {
            if let Some(all) = known.iter().copied().collect::<Option<Vec<i64>>>() {
                let (dtype, shape) = &results[0];
                if let Some(tensor) = shape
                    .fixed()
                    .and_then(|shape| eval::from_ints(*dtype, &shape, &all))
                {
                    return Ok(vec![self.constant(&tensor)]);
                }
            }
            self.known.insert(*output, known);
        }
        self.add(op, inputs.to_vec(), &outputs, attrs);
        Ok(outputs)
    }

    /// Emits an operator whose results are of these types and shapes.
    pub fn emit_told(
        &mut self,
        op: &str,
        inputs: &[ValueId],
        attrs: Attrs,
        results: Vec<(DType, Shape)>,
    ) -> Result<Vec<ValueId>> {
        let outputs = self.add_results(&results);
        let inputs = inputs.iter().copied().map(Some).collect();
        self.add(op, inputs, &outputs, attrs);
        Ok(outputs)
    }

    fn add_results(&mut self, results: &[(DType, Shape)]) -> Vec<ValueId> {
        let value = |(dtype, shape): &(DType, Shape)| {
            let name = self.next_name();
            self.graph
                .add_value(Value::new(name, *dtype, shape.clone()))
        };
        results.iter().map(value).collect()
    }

    fn add(&mut self, op: &str, inputs: Vec<Option<ValueId>>, outputs: &[ValueId], attrs: Attrs) {
        let mut node = Node::new(self.current.clone(), op);
        node.inputs = inputs;
        node.outputs = outputs.to_vec();
        node.attrs = attrs;
        self.graph.add_node(node);
    }

    fn fold(
        &mut self,
        op: &str,
        inputs: &[Option<ValueId>],
        attrs: &Attrs,
    ) -> Result<Option<Vec<ValueId>>> {
        if !inputs.iter().flatten().all(|&v| self.is_constant(v)) {
            return Ok(None);
        }
        let mut operands = Vec::with_capacity(inputs.len());
        for input in inputs {
            operands.push(match input {
                Some(value) => self.tensor(*value)?,
                None => None,
            });
        }
        let folded = eval::evaluate(op, &operands, attrs);
        Ok(folded.map(|tensor| vec![self.constant(&tensor)]))
    }

    fn arg(&self, value: ValueId) -> Arg {
        Arg {
            dtype: self.dtype(value),
            shape: self.shape(value).clone(),
            known: self.known(value),
        }
    }

    fn next_name(&mut self) -> Name {
        self.made += 1;
        match self.made {
            1 => self.current.clone(),
            n => format!("{}_{}", self.current, n - 1).into(),
        }
    }
}

fn narrow(values: &[i64]) -> Result<Vec<i32>> {
    // TensorFlow writes "to the end" as the largest int64.
    values
        .iter()
        .map(|&v| {
            Ok(match v {
                i64::MAX => i32::MAX,
                i64::MIN => i32::MIN,
                v => i32::try_from(v)
                    .map_err(|_| Error::unsupported(format!("{v} does not fit into int32")))?,
            })
        })
        .collect()
}

/// `axis` counted from the front, less than `rank`. A scalar has no axis.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Error::unreadable(format!("axis {axis} of a value of rank {rank}")))
}

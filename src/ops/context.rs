//! What an operator's file sees of the node it works on.

use std::sync::Arc;

use super::fact::{Constant, Fact};
use super::packed::Room;
use crate::error::{Error, Result};
use crate::kernels::Clamp;
use crate::model::{
    Attr, DType, Dialect, Graph, Node, Quantization, Shape, Tensor, Variable, VariableId,
};

/// Choices that hold for a whole run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Only plain kernels.
    pub reference: bool,
    /// Sums of floats, and logistic functions, are the very ones of the plain kernels: what is quantized on its way through
    /// the graph would else now and then round to the next step, and differ from there on.
    pub in_order: bool,
    /// Operators may run as part of others, so that what passes between them is never seen.
    pub fusion: bool,
}

/// A node, what is known of its inputs, and the surroundings.
pub struct Context<'g> {
    pub graph: &'g Graph,
    pub node: &'g Node,
    pub inputs: &'g [Option<Fact>],
    /// The stored variables of the model.
    pub variables: &'g [Variable],
    /// Those that the run changes, in order: their stored values say nothing.
    pub written: &'g [VariableId],
    /// Bounds of a product of TensorFlow's that does the work of an activation behind it, see
    /// [`Epilogue`](super::Epilogue).
    pub bounds: Clamp,
    /// Where large weights are packed by each run that wants them; they are packed once and kept where there is none.
    pub room: Option<&'g Arc<Room>>,
    pub options: Options,
}

impl<'g> Context<'g> {
    /// Of a node outside of any run.
    pub fn new(graph: &'g Graph, node: &'g Node, inputs: &'g [Option<Fact>]) -> Self {
        Context {
            graph,
            node,
            inputs,
            variables: &[],
            written: &[],
            bounds: Clamp::NONE,
            room: None,
            options: Options::default(),
        }
    }

    /// Whether the node means what TFLite means by it; a Flex operator is TensorFlow's.
    pub fn tflite(&self) -> bool {
        super::dialect(self.graph, self.node) == Dialect::Tflite
    }

    pub fn has(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(_)))
    }

    pub fn input(&self, index: usize) -> Result<&'g Fact> {
        self.inputs
            .get(index)
            .and_then(Option::as_ref)
            .ok_or_else(|| self.wrong(format!("input {index} is missing")))
    }

    pub fn dtype(&self, index: usize) -> Result<DType> {
        Ok(self.input(index)?.dtype)
    }

    pub fn shape(&self, index: usize) -> Result<&'g Shape> {
        Ok(&self.input(index)?.shape)
    }

    /// The sizes of an input, all known.
    pub fn sizes(&self, index: usize) -> Result<Vec<usize>> {
        let shape = self.shape(index)?;
        shape
            .fixed()
            .ok_or_else(|| self.wrong(format!("input {index} has the unknown shape {shape}")))
    }

    /// The values of an input if they are known without running.
    pub fn constant(&self, index: usize) -> Result<Option<Arc<Tensor>>> {
        match self.inputs.get(index).and_then(Option::as_ref) {
            Some(Fact {
                constant: Some(constant),
                ..
            }) => constant.read().map(Some),
            _ => Ok(None),
        }
    }

    /// The whole numbers of an input if they are known without running.
    pub fn ints(&self, index: usize) -> Result<Option<Vec<i64>>> {
        let Some(tensor) = self.constant(index)? else {
            return Ok(None);
        };
        if let Some(values) = tensor.values::<i32>() {
            return Ok(Some(values.iter().map(|&v| i64::from(v)).collect()));
        }
        if let Some(values) = tensor.values::<i64>() {
            return Ok(Some(values.to_vec()));
        }
        if let Some(values) = tensor.values::<i16>() {
            return Ok(Some(values.iter().map(|&v| i64::from(v)).collect()));
        }
        if let Some(values) = tensor.values::<i8>() {
            return Ok(Some(values.iter().map(|&v| i64::from(v)).collect()));
        }
        Err(self.wrong(format!(
            "input {index} is {}, expected whole numbers",
            tensor.dtype()
        )))
    }

    /// One whole number that an input holds, if known.
    pub fn int(&self, index: usize) -> Result<Option<i64>> {
        Ok(self.ints(index)?.and_then(|v| v.first().copied()))
    }

    pub fn attr(&self, name: &str) -> Option<&'g Attr> {
        self.node.attrs.get(name)
    }

    pub fn attr_int(&self, name: &str, default: i64) -> i64 {
        self.node.attrs.int(name).unwrap_or(default)
    }

    pub fn attr_bool(&self, name: &str) -> bool {
        self.node.attrs.bool(name).unwrap_or(false)
    }

    pub fn attr_float(&self, name: &str, default: f64) -> f64 {
        self.node.attrs.float(name).unwrap_or(default)
    }

    /// What the graph says about output `index`.
    pub fn declared(&self, index: usize) -> Option<&'g crate::model::Value> {
        self.node.outputs.get(index).map(|&id| self.graph.value(id))
    }

    /// The type that the graph gives output `index`.
    pub fn out_dtype(&self, index: usize) -> Result<DType> {
        self.declared(index)
            .map(|value| value.dtype)
            .ok_or_else(|| self.wrong(format!("output {index} is missing")))
    }

    /// Of integers: some files give scales to floats too, which mean nothing. What the file says about the type counts
    /// less than what is there.
    pub fn quantization(&self, input: usize) -> Option<&'g Quantization> {
        let value = self.graph.value(self.node.input(input)?);
        let dtype = self.dtype(input).unwrap_or(value.dtype);
        active(value.quantization.as_deref()).filter(|_| !dtype.is_float())
    }

    /// Of an output of floats none, where the operator reads floats too.
    pub fn out_quantization(&self, output: usize) -> Option<&'g Quantization> {
        let value = self.declared(output)?;
        let reads_floats = self.dtype(0).unwrap_or(value.dtype).is_float();
        let floats = value.dtype.is_float() && reads_floats;
        active(value.quantization.as_deref()).filter(|_| !floats)
    }

    /// Scale and zero point of an input that has one of each; fails on scales that are not positive and finite.
    pub fn scale(&self, input: usize) -> Result<(f32, i32)> {
        self.single(self.quantization(input), || format!("input {input}"))
    }

    pub fn out_scale(&self, output: usize) -> Result<(f32, i32)> {
        self.single(self.out_quantization(output), || format!("output {output}"))
    }

    fn single(&self, q: Option<&Quantization>, what: impl Fn() -> String) -> Result<(f32, i32)> {
        let (scale, zero) = q.and_then(Quantization::single).ok_or_else(|| {
            self.wrong(format!("{} has no scale of its own, expected one", what()))
        })?;
        if !(scale.is_finite() && scale > 0.0) {
            return Err(self.wrong(format!(
                "{} has the scale {scale}, expected a positive number",
                what()
            )));
        }
        let zero = i32::try_from(zero)
            .map_err(|_| self.wrong(format!("{} has the zero point {zero}", what())))?;
        Ok((scale, zero))
    }

    /// Sizes or values that the operator can't work with.
    pub fn wrong(&self, what: impl Into<String>) -> Error {
        Error::usage(what)
    }

    /// Something that operators of this kind may ask for and nothing here does.
    pub fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::unsupported(what)
    }

    /// Nothing here can run this type.
    pub fn no_kernel(&self, dtype: DType) -> Error {
        Error::unsupported(format!("no kernel for {dtype}"))
    }

    /// An axis counted from the end where negative, within `rank`.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let at = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(at)
            .ok()
            .filter(|&a| a < rank)
            .ok_or_else(|| self.wrong(format!("axis {axis} of a tensor with {rank} dimensions")))
    }

    /// One output with these facts.
    pub fn one(&self, dtype: DType, shape: Shape) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(dtype, shape)])
    }

    /// One output whose values are known now.
    pub fn known(&self, tensor: Tensor) -> Result<Vec<Fact>> {
        Ok(vec![Fact::constant(Constant::ready(Arc::new(tensor)))])
    }
}

fn active(q: Option<&Quantization>) -> Option<&Quantization> {
    q.filter(|q| q.is_active())
}

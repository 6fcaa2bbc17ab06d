//! Takes positions out of constants, shapes and scales.

use crate::error::Result;
use crate::model::{Attr, Graph, Quantization, Shape, Tensor, TensorData, Value, ValueId};

use super::follow::{Size, whole_numbers};

/// Positions `kept`, ascending, are what is left along `axis` of a value.
#[derive(Debug, Clone)]
pub struct Cut {
    pub value: ValueId,
    pub axis: usize,
    pub kept: Vec<usize>,
}

/// Makes the cut in shapes, scales and values.
///
/// # Errors
/// Values that can't be read.
pub fn apply(graph: &mut Graph, cut: &Cut) -> Result<()> {
    let value = graph.value_mut(cut.value);
    if let Some(whole) = value.read().transpose()? {
        value.data = Some(TensorData::of(&along(&whole, cut.axis, &cut.kept)?));
        value.external_buffer = 0;
    }
    for shape in [&mut value.shape, &mut value.stored_shape] {
        shorten(shape, cut);
    }
    let rank = value.stored_shape.rank().unwrap_or(0);
    if let Some(q) = value
        .quantization
        .as_mut()
        .filter(|q| q.axis(rank) == Some(cut.axis))
    {
        scales(q, &cut.kept);
    }
    Ok(())
}

fn shorten(shape: &mut Shape, cut: &Cut) {
    let size = shape.0.as_mut().and_then(|dims| dims.get_mut(cut.axis));
    if let Some(size) = size.filter(|size| **size >= 0) {
        *size = cut.kept.len() as i64;
    }
}

fn scales(q: &mut Quantization, kept: &[usize]) {
    fn pick<T: Copy>(all: &mut Vec<T>, kept: &[usize]) {
        if all.len() > 1 {
            *all = kept.iter().filter_map(|&at| all.get(at).copied()).collect();
        }
    }
    pick(&mut q.scale, kept);
    pick(&mut q.zero_point, kept);
    pick(&mut q.min, kept);
    pick(&mut q.max, kept);
}

/// What stands at the positions `kept` along `axis`.
fn along(whole: &Tensor, axis: usize, kept: &[usize]) -> Result<Tensor> {
    let mut shape = whole.shape().to_vec();
    let (Some(&count), Some(bytes)) = (shape.get(axis), whole.bytes()) else {
        return Ok(whole.clone());
    };
    let size = whole.dtype().size().unwrap_or(1);
    let run = shape[axis + 1..].iter().product::<usize>() * size;
    let mut left = Vec::with_capacity(bytes.len());
    for block in bytes.chunks_exact((run * count).max(1)) {
        for at in kept.iter().filter(|at| **at < count) {
            left.extend_from_slice(&block[at * run..(at + 1) * run]);
        }
    }
    shape[axis] = kept.len();
    Tensor::from_bytes(whole.dtype(), &shape, &left)
}

/// Writes how many channels are left where the sizes of a result are written.
pub fn resize(graph: &mut Graph, size: &Size, left: usize) {
    let number = left as i64;
    let node = graph.node_mut(size.node);
    if let Some(mut sizes) = node.attrs.ints("new_shape")
        && let Some(old) = sizes.get_mut(size.index).filter(|old| **old >= 0)
    {
        *old = number;
        let sizes = sizes.into_iter().map(Attr::Int).collect();
        node.attrs.set("new_shape", Attr::List(sizes));
    }
    let Some(old) = node.input(size.operand) else {
        return;
    };
    let Some(mut numbers) = whole_numbers(graph, old) else {
        return;
    };
    match numbers.get_mut(size.index) {
        Some(number) if *number >= 0 => *number = left as i64,
        _ => return,
    }
    let value = graph.value(old);
    let shape = value.stored_shape.fixed().unwrap_or_default();
    let tensor = match value.dtype {
        crate::model::DType::Int64 => Tensor::from_values(&shape, &numbers),
        _ => {
            let narrow: Vec<i32> = numbers.iter().map(|&n| n as i32).collect();
            Tensor::from_values(&shape, &narrow)
        }
    };
    let constant = Value::constant(value.name.clone(), &tensor);
    let constant = graph.add_value(constant);
    if let Some(slot) = graph.node_mut(size.node).inputs.get_mut(size.operand) {
        *slot = Some(constant);
    }
}

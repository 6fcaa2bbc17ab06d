//! What operators do with indices: which pick rows of a table by them, and which hand the elements of an input on, so
//! that it can be told what an input is an index of.

use crate::model::{Graph, Node};

/// An operator that picks rows (slices along an axis) of a table.
#[derive(Debug, Clone, Copy)]
pub struct Picks {
    /// The input that is the table, and the one that are the indices.
    pub table: usize,
    pub indices: usize,
    axis: Axis,
}

#[derive(Debug, Clone, Copy)]
enum Axis {
    First,
    Last,
    /// The attribute `axis`, 0 without.
    Told,
    /// The number in this input.
    Input(usize),
    /// As many axes as the last one of the indices is long, behind those that go together.
    Leading,
}

impl Picks {
    const fn new(table: usize, indices: usize, axis: Axis) -> Self {
        Picks {
            table,
            indices,
            axis,
        }
    }

    /// Rows of input `table` by input `indices`.
    pub(super) const fn rows(table: usize, indices: usize) -> Self {
        Picks::new(table, indices, Axis::First)
    }

    /// Classes, the last axis of input 0, by input 1.
    pub(super) const fn classes() -> Self {
        Picks::new(0, 1, Axis::Last)
    }

    /// Slices of input 0 by input 1, along the axis of the attribute.
    pub(super) const fn slices() -> Self {
        Picks::new(0, 1, Axis::Told)
    }

    /// Slices of input 0 by input 1, along the axis that input `axis` says.
    pub(super) const fn slices_along(axis: usize) -> Self {
        Picks::new(0, 1, Axis::Input(axis))
    }

    /// Slices of input 0 by places of several numbers in input 1.
    pub(super) const fn places() -> Self {
        Picks::new(0, 1, Axis::Leading)
    }

    /// Numbers below this are indices of a table of sizes `table` for `node`; `None` where that is not known.
    pub fn bound(&self, graph: &Graph, node: &Node, table: &[i64]) -> Option<u64> {
        let attr = |name: &str| node.attrs.int(name).unwrap_or(0);
        let axis = match self.axis {
            Axis::First => 0,
            Axis::Last => -1,
            Axis::Told => attr("axis"),
            Axis::Input(at) => graph.value(node.input(at)?).read()?.ok()?.number(0)? as i64,
            Axis::Leading => {
                let indices = graph.value(node.input(self.indices)?);
                let depth = usize::try_from(*indices.shape.dims()?.last()?).ok()?;
                let first = usize::try_from(attr("batch_dims")).ok()?;
                let sizes = table.get(first..first.checked_add(depth)?)?;
                return sizes.iter().copied().min().and_then(size);
            }
        };
        let axis = match axis {
            axis if axis < 0 => (table.len()).checked_sub(axis.unsigned_abs() as usize)?,
            axis => axis as usize,
        };
        table.get(axis).copied().and_then(size)
    }
}

fn size(dim: i64) -> Option<u64> {
    u64::try_from(dim).ok().filter(|&size| size > 0)
}

/// The inputs whose elements an operator hands on: perhaps not all of them, in another order, or as another type.
#[derive(Debug, Clone, Copy)]
pub enum HandsOn {
    Nothing,
    /// These inputs, to each output.
    Inputs(&'static [usize]),
    /// Every input, to each output.
    All,
    /// Every input, to the output of its number.
    EachToItsOwn,
    /// Input 0, to output 0.
    FirstToFirst,
}

impl HandsOn {
    /// Whether elements of input `from` are among those of output `to`.
    pub fn leads(self, from: usize, to: usize) -> bool {
        match self {
            HandsOn::Nothing => false,
            HandsOn::Inputs(slots) => slots.contains(&from),
            HandsOn::All => true,
            HandsOn::EachToItsOwn => from == to,
            HandsOn::FirstToFirst => (from, to) == (0, 0),
        }
    }
}

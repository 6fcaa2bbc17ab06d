//! StableHLO's gather, scatter and random bits, which TensorFlow Lite runs as they are.

use super::folds::Fold;
use super::movement::element_size;
use super::types::with_number;
use super::{Context, Fact, Io, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::movement::region::Regions;
use crate::kernels::philox::{Philox, threefry};
use crate::kernels::strides::MAX_RANK;
use crate::model::{DType, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&[], &["STABLEHLO_GATHER"], infer_gather, prepare_gather),
    Operator::new(&[], &["STABLEHLO_SCATTER"], infer_scatter, prepare_scatter),
    Operator::new(
        &[],
        &["STABLEHLO_RNG_BIT_GENERATOR"],
        infer_bits,
        prepare_bits,
    ),
];

/// A list of dimensions below `rank`, no one twice.
fn dimensions(cx: &Context, name: &str, rank: usize) -> Result<Vec<usize>> {
    let list = cx.node.attrs.ints(name).unwrap_or_default();
    let axes: Option<Vec<usize>> = list
        .iter()
        .map(|&axis| usize::try_from(axis).ok().filter(|&axis| axis < rank))
        .collect();
    let axes = axes.filter(|axes| (1..axes.len()).all(|at| !axes[..at].contains(&axes[at])));
    axes.ok_or_else(|| cx.wrong(format!("{name} is {list:?}, there are {rank} dimensions")))
}

/// The same, rising.
fn rising(cx: &Context, name: &str, rank: usize) -> Result<Vec<usize>> {
    let axes = dimensions(cx, name, rank)?;
    match axes.is_sorted() {
        true => Ok(axes),
        false => Err(cx.wrong(format!("{name} is {axes:?}, expected them in order"))),
    }
}

/// The dimension of the table of starts along which one start lies; one past the last: each start is one number.
fn vector(cx: &Context, rank: usize) -> Result<usize> {
    let told = cx.attr_int("index_vector_dim", 0);
    let vector = usize::try_from(told).ok().filter(|&axis| axis <= rank);
    vector.ok_or_else(|| cx.wrong(format!("index_vector_dim is {told}")))
}

/// Sizes of the slices that are gathered.
fn slice_sizes(cx: &Context, rank: usize) -> Result<Vec<usize>> {
    let list = cx.node.attrs.ints("slice_sizes").unwrap_or_default();
    let sizes: Option<Vec<usize>> = list.iter().map(|&v| usize::try_from(v).ok()).collect();
    sizes
        .filter(|sizes| sizes.len() == rank)
        .ok_or_else(|| cx.wrong(format!("slices of {list:?} for {rank} dimensions")))
}

fn infer_gather(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let (Some(rank), Some(table)) = (cx.shape(0)?.rank(), cx.shape(1)?.dims()) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let (vector, slices) = (vector(cx, table.len())?, slice_sizes(cx, rank)?);
    let collapsed = rising(cx, "collapsed_slice_dims", rank)?;
    let starts = table.iter().enumerate().filter(|&(axis, _)| axis != vector);
    let mut starts = starts.map(|(_, &size)| size);
    let kept = slices.iter().enumerate();
    let kept = kept.filter(|(axis, _)| !collapsed.contains(axis));
    let mut kept = kept.map(|(_, &size)| size as i64);
    let result = (table.len() - usize::from(vector < table.len())) + rank - collapsed.len();
    let offsets = rising(cx, "offset_dims", result)?;
    if offsets.len() + collapsed.len() != rank {
        return Err(cx.wrong(format!(
            "offset_dims {offsets:?} and collapsed_slice_dims {collapsed:?} of {rank} dimensions"
        )));
    }
    let sizes = (0..result).map(|axis| match offsets.contains(&axis) {
        true => kept.next(),
        false => starts.next(),
    });
    let sizes: Option<Vec<i64>> = sizes.collect();
    cx.one(dtype, Shape(sizes))
}

/// The operands are whole and fit each other.
fn checked(cx: &Context, regions: Regions) -> Result<Regions> {
    let Regions {
        operand,
        table,
        part,
        ..
    } = &regions;
    let ranks = [operand, table, part].map(Vec::len);
    let starts = table.len() - usize::from(regions.vector < table.len());
    let length = table.get(regions.vector).copied().unwrap_or(1);
    let others = |axis: &usize| !regions.window.contains(axis);
    let batch: Vec<usize> = (0..part.len()).filter(others).map(|a| part[a]).collect();
    let along: Vec<usize> = (0..table.len())
        .filter(|&axis| axis != regions.vector)
        .map(|axis| table[axis])
        .collect();
    let fits = ranks.iter().all(|&rank| rank <= MAX_RANK)
        && regions.window.len() + regions.inserted.len() == operand.len()
        && regions.mapped.len() == length
        && batch.len() == starts
        && batch == along;
    if !fits {
        return Err(cx.wrong(format!(
            "slices {part:?} of {operand:?} at the starts {table:?}"
        )));
    }
    Ok(regions)
}

fn prepare_gather(cx: &Context) -> Result<Prepared> {
    let (operand, table, size) = (cx.sizes(0)?, cx.sizes(1)?, element_size(cx, 0)?);
    let rank = operand.len();
    let part = infer_gather(cx)?.pop().and_then(|fact| fact.shape.fixed());
    let part = part.ok_or_else(|| cx.wrong("an input of unknown shape"))?;
    let (slices, collapsed) = (
        slice_sizes(cx, rank)?,
        rising(cx, "collapsed_slice_dims", rank)?,
    );
    let whole = slices
        .iter()
        .zip(&operand)
        .all(|(slice, size)| slice <= size);
    if !whole || collapsed.iter().any(|&axis| slices[axis] != 1) {
        return Err(cx.wrong(format!(
            "slices of {slices:?} from {operand:?}, dimensions {collapsed:?} left out"
        )));
    }
    let regions = checked(
        cx,
        Regions {
            window: rising(cx, "offset_dims", part.len())?,
            inserted: collapsed,
            mapped: dimensions(cx, "start_index_map", rank)?,
            vector: vector(cx, table.len())?,
            fitted: Some(slices),
            operand,
            table,
            part,
        },
    )?;
    index_type(cx)?;
    Prepared::function(move |io| {
        let (from, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        let starts = Starts::of(io)?;
        for (number, out) in out.chunks_exact_mut(size.max(1)).enumerate() {
            // Every slice fits, so every place is inside.
            if let Some(place) = regions.place(number, |at| starts.get(at)) {
                out.copy_from_slice(&from[place * size..][..size]);
            }
        }
        Ok(())
    })
}

fn index_type(cx: &Context) -> Result<()> {
    match cx.dtype(1)? {
        DType::Int32 | DType::Int64 => Ok(()),
        other => Err(cx.unsupported(format!("no kernel for indices of {other}"))),
    }
}

/// The table of starts, of either type.
enum Starts<'a> {
    Narrow(&'a [i32]),
    Wide(&'a [i64]),
}

impl<'a> Starts<'a> {
    fn of(io: &Io<'_, 'a>) -> Result<Self> {
        let view = io.view(1)?;
        match view.dtype {
            DType::Int32 => view.values().map(Starts::Narrow),
            _ => view.values().map(Starts::Wide),
        }
    }

    fn get(&self, at: usize) -> i64 {
        match self {
            Starts::Narrow(values) => values[at].into(),
            Starts::Wide(values) => values[at],
        }
    }
}

fn infer_scatter(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Updates whose place is outside are left out.
fn prepare_scatter(cx: &Context) -> Result<Prepared> {
    let (operand, table, part) = (cx.sizes(0)?, cx.sizes(1)?, cx.sizes(2)?);
    let (rank, dtype) = (operand.len(), cx.dtype(0)?);
    if cx.dtype(2)? != dtype {
        return Err(cx.wrong(format!("updates of {} for {dtype}", cx.dtype(2)?)));
    }
    index_type(cx)?;
    let regions = checked(
        cx,
        Regions {
            window: rising(cx, "update_window_dims", part.len())?,
            inserted: rising(cx, "inserted_window_dims", rank)?,
            mapped: dimensions(cx, "scatter_dims_to_operand_dims", rank)?,
            vector: vector(cx, table.len())?,
            fitted: None,
            operand,
            table,
            part,
        },
    )?;
    let fold = Fold::of_region(cx)?.on(dtype);
    let plain = if dtype == DType::Bool {
        DType::UInt8
    } else {
        dtype
    };
    with_number!(plain, T => Prepared::function(move |io| {
        let (from, updates) = (io.input::<T>(0)?, io.input::<T>(2)?);
        let out = io.output::<T>(0)?;
        out.copy_from_slice(from);
        let starts = Starts::of(io)?;
        for (number, &update) in updates.iter().enumerate() {
            if let Some(place) = regions.place(number, |at| starts.get(at)) {
                out[place] = fold.apply(out[place], update);
            }
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The state that comes next, and the bits.
fn infer_bits(cx: &Context) -> Result<Vec<Fact>> {
    let state = Fact::new(DType::UInt64, cx.shape(0)?.clone());
    let bits = cx.declared(1).map(|value| value.shape.clone());
    let bits = Fact::new(cx.out_dtype(1)?, bits.unwrap_or(Shape::UNKNOWN));
    Ok(vec![state, bits])
}

/// The state is a key and a counter, 64 bits each, for Philox with 64 more on top of the counter (else the key again).
fn prepare_bits(cx: &Context) -> Result<Prepared> {
    /// `RngAlgorithm` of the schema.
    const THREEFRY: i64 = 2;
    let (state, dtype) = (cx.sizes(0)?, cx.out_dtype(1)?);
    if !matches!(
        dtype,
        DType::Int32 | DType::UInt32 | DType::Int64 | DType::UInt64
    ) {
        return Err(cx.no_kernel(dtype));
    }
    let by_threefry = cx.attr_int("algorithm", 0) == THREEFRY;
    if cx.dtype(0)? != DType::UInt64 || !(state == [2] || (state == [3] && !by_threefry)) {
        return Err(cx.wrong(format!("a state of {} {state:?}", cx.dtype(0)?)));
    }
    Prepared::function(move |io| {
        let state = io.input::<u64>(0)?;
        let (next, bits) = (io.output::<u64>(0)?, io.output_bytes(1)?);
        next.copy_from_slice(state);
        let &[key, start, ..] = state else {
            return Err(Error::usage("an empty state"));
        };
        let mut counter = start;
        let above = state.get(2).copied().unwrap_or(key);
        let step = if by_threefry { 8 } else { 16 };
        for bits in bits.chunks_mut(step) {
            let mut words = [0u8; 16];
            if by_threefry {
                words[..8].copy_from_slice(bytemuck::cast_slice(&threefry(key, counter)));
            } else {
                let at = u128::from(above) << 64 | u128::from(counter);
                words.copy_from_slice(bytemuck::cast_slice(&Philox::at(at, key).four()));
            }
            counter = counter.wrapping_add(1);
            bits.copy_from_slice(&words[..bits.len()]);
        }
        next[1] = counter;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attr, Dialect, Graph, GraphKind, Node, Value};
    use crate::ops::REGION;

    /// What becomes of an operator with these lists as attributes, on inputs of these sizes.
    fn prepared(
        op: &str,
        lists: &[(&str, &[i64])],
        inputs: &[(DType, &[usize])],
    ) -> Result<Prepared> {
        let mut graph = Graph::new("g", GraphKind::Main, Dialect::Tflite);
        let mut node = Node::new("n", op);
        node.outputs = vec![graph.add_value(Value::new("y", inputs[0].0, Shape::UNKNOWN))];
        for (name, list) in lists {
            let list = list.iter().map(|&v| Attr::Int(v)).collect();
            node.attrs.set(*name, Attr::List(list));
        }
        let vector = Attr::Int(1);
        node.attrs.set("index_vector_dim", vector);
        node.attrs.set(REGION, Attr::Bytes(Vec::new().into()));
        let inputs: Vec<Option<Fact>> = (inputs.iter())
            .map(|(dtype, sizes)| Some(Fact::fixed(*dtype, sizes)))
            .collect();
        let context = Context::new(&graph, &node, &inputs);
        let operator = super::super::find(Dialect::Tflite, op).unwrap();
        (operator.infer)(&context)?;
        (operator.prepare)(&context)
    }

    #[test]
    fn attributes_that_lie_are_refused() {
        let (x, table) = ((DType::Float32, &[4, 3][..]), (DType::Int32, &[2, 1][..]));
        let gather = |offset: &[i64], collapsed: &[i64], map: &[i64], slices: &[i64]| {
            let lists = [
                ("offset_dims", offset),
                ("collapsed_slice_dims", collapsed),
                ("start_index_map", map),
                ("slice_sizes", slices),
            ];
            prepared("STABLEHLO_GATHER", &lists, &[x, table]).is_ok()
        };
        assert!(gather(&[1], &[0], &[0], &[1, 3]));
        assert!(!gather(&[1], &[0], &[0], &[1, 4]), "a slice too long");
        assert!(!gather(&[1], &[0], &[0], &[2, 3]), "two rows left out");
        assert!(!gather(&[1], &[0], &[2], &[1, 3]), "no such dimension");
        assert!(!gather(&[1], &[0], &[0, 1], &[1, 3]), "starts too short");
        assert!(!gather(&[-1], &[0], &[0], &[1, 3]));
        assert!(!gather(&[7], &[0], &[0], &[1, 3]));
        assert!(!gather(&[0, 1], &[0], &[0], &[1, 3]));

        let scatter = |window: &[i64], inserted: &[i64], map: &[i64], part: &[usize]| {
            let lists = [
                ("update_window_dims", window),
                ("inserted_window_dims", inserted),
                ("scatter_dims_to_operand_dims", map),
            ];
            let inputs = [x, table, (DType::Float32, part)];
            prepared("STABLEHLO_SCATTER", &lists, &inputs).is_ok()
        };
        assert!(scatter(&[1], &[0], &[0], &[2, 3]));
        assert!(!scatter(&[1], &[0], &[0], &[3, 3]), "more than starts");
        assert!(!scatter(&[1], &[0, 1], &[0], &[2, 3]));
        assert!(!scatter(&[1], &[0], &[5], &[2, 3]));
    }

    #[test]
    fn windows_that_lie_are_refused() {
        let window = |sizes: &[i64], strides: &[i64], base: &[i64], edges: &[i64]| {
            let lists = [
                ("window_dimensions", sizes),
                ("window_strides", strides),
                ("base_dilations", base),
                ("window_dilations", &[1, 1][..]),
                ("padding", edges),
            ];
            let inputs = [(DType::Float32, &[4, 3][..]), (DType::Float32, &[][..])];
            prepared("STABLEHLO_REDUCE_WINDOW", &lists, &inputs).is_ok()
        };
        let (one, none) = ([1, 1], [0; 4]);
        assert!(window(&[2, 2], &one, &one, &none));
        assert!(window(&[9, 9], &one, &one, &none), "nothing fits");
        assert!(!window(&[0, 2], &one, &one, &none));
        assert!(!window(&[2, 2], &[0, 1], &one, &none));
        assert!(!window(&[2, 2], &one, &[-1, 1], &none));
        assert!(!window(&[2, 2], &one, &one, &[0, 0]));
        assert!(!window(&[2], &one, &one, &none));
        let far = [1 << 30, 1 << 30, 1 << 30, 1 << 30];
        assert!(
            !window(&[2, 2], &one, &[1 << 30, 1 << 30], &far),
            "more than memory has"
        );
    }
}

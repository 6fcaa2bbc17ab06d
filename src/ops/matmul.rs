//! Products of matrices.

use super::fast;
use super::halves::Lengths;
use super::quantized::{self, Bias, Style, TableScales, live_bias};
use super::types::with_type;
use super::{Context, Fact, Operator, Prepared, broadcast, room_bytes};
use crate::error::Result;
use crate::kernels::elementwise::halves::Half;
use crate::kernels::fast::FastMatMul;
use crate::kernels::quantized::hybrid::{self, HybridWeights};
use crate::kernels::reference::fully_connected::{fully_connected_f32, fully_connected_quantized};
use crate::kernels::reference::matmul::{
    MatMul, MulAdd, batch_matmul, batch_matmul_i8_i32, batch_matmul_quantized,
};
use crate::kernels::{Clamp, Quantized, Requant};
use crate::model::{DType, Element, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"],
        &["BATCH_MATMUL"],
        infer,
        prepare,
    ),
    Operator::new(
        &[],
        &["FULLY_CONNECTED"],
        infer_fully_connected,
        prepare_fully_connected,
    ),
];

/// Whether each side lies transposed.
fn transposed(cx: &Context) -> (bool, bool) {
    let either = |a: &str, b: &str| cx.attr_bool(a) || cx.attr_bool(b);
    (
        either("transpose_a", "adj_x"),
        either("transpose_b", "adj_y"),
    )
}

pub(super) fn output_type(cx: &Context) -> Result<DType> {
    match cx.node.attrs.dtype("Tout") {
        Some(dtype) => Ok(dtype),
        None if cx.tflite() => cx.out_dtype(0),
        None => cx.dtype(0),
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = output_type(cx)?;
    let (Some(x), Some(y)) = (cx.shape(0)?.dims(), cx.shape(1)?.dims()) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let misfit = || {
        cx.wrong(format!(
            "a product of {} and {}",
            Shape(Some(x.to_vec())),
            Shape(Some(y.to_vec()))
        ))
    };
    if x.len() < 2 || y.len() < 2 {
        return Err(misfit());
    }
    let (tx, ty) = transposed(cx);
    let ends = |d: &[i64], t: bool| {
        let (a, b) = (d[d.len() - 2], d[d.len() - 1]);
        if t { (b, a) } else { (a, b) }
    };
    let ((m, k), (k2, n)) = (ends(x, tx), ends(y, ty));
    if k >= 0 && k2 >= 0 && k != k2 {
        return Err(misfit());
    }
    let batch = |d: &[i64]| Shape(Some(d[..d.len() - 2].to_vec()));
    let mut dims = broadcast::shape(cx, &[&batch(x), &batch(y)])?
        .0
        .unwrap_or_default();
    dims.extend([m, n]);
    cx.one(dtype, Shape(Some(dims)))
}

/// Sizes of a product: of the matrices, and the batch axes of both sides and of the output.
pub(super) struct Geometry {
    pub p: MatMul,
    pub x: Vec<usize>,
    pub y: Vec<usize>,
    pub out: Vec<usize>,
}

pub(super) fn geometry(cx: &Context) -> Result<Geometry> {
    let (x, y) = (cx.sizes(0)?, cx.sizes(1)?);
    let out = infer(cx)?.pop().and_then(|f| f.shape.fixed());
    let (Some(out), true) = (out, x.len() >= 2 && y.len() >= 2) else {
        return Err(cx.wrong("a product of unknown shapes"));
    };
    let (adj_x, adj_y) = transposed(cx);
    let k = x[x.len() - if adj_x { 2 } else { 1 }];
    let p = MatMul {
        m: out[out.len() - 2],
        k,
        n: out[out.len() - 1],
        adj_x,
        adj_y,
    };
    let batch = |d: &[usize]| d[..d.len() - 2].to_vec();
    Ok(Geometry {
        p,
        x: batch(&x),
        y: batch(&y),
        out: batch(&out),
    })
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let g = geometry(cx)?;
    let (a, b) = (cx.dtype(0)?, cx.dtype(1)?);
    if cx.tflite() && cx.quantization(0).is_some() && a != DType::Float32 {
        return match (a, b, cx.out_dtype(0)?) {
            (DType::Int8, DType::Int8, DType::Int32) => Prepared::function(move |io| {
                let (x, y) = (io.input::<i8>(0)?, io.input::<i8>(1)?);
                batch_matmul_i8_i32(&g.p, (x, &g.x), (y, &g.y), (io.output(0)?, &g.out));
                Ok(())
            }),
            (DType::Int8, DType::Int8, DType::Int8) => quantized_product::<i8, i8>(cx, g),
            (DType::Int16, DType::Int16, DType::Int16) => quantized_product::<i16, i16>(cx, g),
            (DType::Int16, DType::Int8, DType::Int16) => quantized_product::<i16, i8>(cx, g),
            _ => Err(cx.unsupported(format!("no kernel for {a} times {b}"))),
        };
    }
    if (a, b) == (DType::Float32, DType::Int8) && cx.tflite() {
        return hybrid_product(cx, g);
    }
    if a != b {
        return Err(cx.unsupported(format!("no kernel for {a} times {b}")));
    }
    let to = infer(cx)?.first().map_or(a, |f| f.dtype);
    if (a, to) == (DType::Int8, DType::Int32) {
        return Prepared::function(move |io| {
            let (x, y) = (io.input::<i8>(0)?, io.input::<i8>(1)?);
            batch_matmul_i8_i32(&g.p, (x, &g.x), (y, &g.y), (io.output(0)?, &g.out));
            Ok(())
        });
    }
    if a != to {
        return Err(cx.unsupported(format!("no kernel from {a} to {to}")));
    }
    if a == DType::Float32
        && let Some(ready) = fast::matmul(cx, g.p, [&g.x, &g.y, &g.out])?
    {
        return Ok(ready);
    }
    let adjoint = [cx.attr_bool("adj_x"), cx.attr_bool("adj_y")];
    if adjoint.contains(&true) && matches!(a, DType::Complex64 | DType::Complex128) {
        return with_type!(a, T in [Complex64: f32, Complex128: f64] => {
            adjoint_product::<T>(g, adjoint)
        }, else Err(cx.no_kernel(a)));
    }
    match a {
        DType::Float16 => return widened::<half::f16>(cx, g),
        DType::BFloat16 => return widened::<half::bf16>(cx, g),
        _ => {}
    }
    with_type!(a, T in [
        Float32: f32, Float64: f64, Int32: i32, Int64: i64, Int16: i16,
        Int8: i8, UInt8: u8, Complex64: [f32; 2], Complex128: [f64; 2],
    ] => Prepared::function(move |io| {
        let (x, y) = (io.input::<T>(0)?, io.input::<T>(1)?);
        batch_matmul(&g.p, (x, &g.x), (y, &g.y), (io.output(0)?, &g.out));
        Ok(())
    }), else Err(cx.no_kernel(a)))
}

/// Half types: multiplied and summed in float32, rounded once.
fn widened<T: Half + Element>(cx: &Context, g: Geometry) -> Result<Prepared> {
    let count = |sizes: &[usize]| sizes.iter().product::<usize>();
    let out = count(&g.out) * g.p.m * g.p.n;
    let lengths = Lengths {
        operands: [count(&cx.sizes(0)?), count(&cx.sizes(1)?)],
        result: out,
    };
    let some = out > 0 && lengths.operands.iter().all(|&len| len > 0);
    let fast = (!cx.options.reference && some).then(|| FastMatMul::new(g.p));
    let panels = fast.as_ref().map_or(0, FastMatMul::scratch_len);
    let room = lengths.bytes().saturating_add(room_bytes::<f32>(panels));
    Prepared::with_room(room, move |io| {
        let (wide, panels, threads) = (lengths.room(io)?, io.room(panels)?, io.threads);
        let operands = [io.input::<T>(0)?, io.input(1)?];
        wide.run(operands, io.output(0)?, |[x, y], sums| {
            let (left, right, sums) = ((x, &*g.x), (y, &*g.y), (sums, &*g.out));
            match &fast {
                Some(fast) => fast.run(left, right, panels, sums, threads),
                None => batch_matmul(&g.p, left, right, sums),
            }
        });
        Ok(())
    })
}

/// Complex numbers, the sides that lie transposed conjugated too.
fn adjoint_product<T>(g: Geometry, adjoint: [bool; 2]) -> Result<Prepared>
where
    T: std::ops::Neg<Output = T> + Copy + 'static,
    [T; 2]: Element + MulAdd,
{
    Prepared::function(move |io| {
        let sides = [io.input::<[T; 2]>(0)?, io.input(1)?];
        let [x, y] = [0, 1].map(|side: usize| -> Vec<[T; 2]> {
            let conjugate = |&[re, im]: &[T; 2]| [re, if adjoint[side] { -im } else { im }];
            sides[side].iter().map(conjugate).collect()
        });
        batch_matmul(&g.p, (&x, &g.x), (&y, &g.y), (io.output(0)?, &g.out));
        Ok(())
    })
}

/// Float left side, integers on the right.
fn hybrid_product(cx: &Context, g: Geometry) -> Result<Prepared> {
    let scales = column_scales(cx, &g.p)?;
    let asymmetric = cx.attr_bool("asymmetric_quantize_inputs");
    let turned = if g.p.adj_x {
        cx.sizes(0)?.iter().product()
    } else {
        0
    };
    let plain = MatMul {
        adj_x: false,
        ..g.p
    };
    let room = room_bytes::<i8>(g.p.k).saturating_add(room_bytes::<f32>(turned));
    Prepared::with_room(room, move |io| {
        let (mut x, y) = (io.input::<f32>(0)?, io.input(1)?);
        let row = io.room(g.p.k)?;
        if g.p.adj_x {
            let rows = io.room::<f32>(turned)?;
            let matrices = x.chunks_exact((g.p.m * g.p.k).max(1));
            for (from, to) in matrices.zip(rows.chunks_exact_mut((g.p.m * g.p.k).max(1))) {
                for (at, to) in to.iter_mut().enumerate() {
                    *to = from[at % g.p.k * g.p.m + at / g.p.k];
                }
            }
            x = rows;
        }
        let out = (io.output(0)?, &*g.out);
        let y = (y, &*g.y, &*scales);
        hybrid::batch_matmul(&plain, asymmetric, (x, &g.x), y, row, out);
        Ok(())
    })
}

/// The scales of the right side of a BATCH_MATMUL: one, or one for each column.
fn column_scales(cx: &Context, p: &MatMul) -> Result<Vec<f32>> {
    let several = cx.quantization(1).filter(|q| q.scale.len() > 1);
    let Some(several) = several else {
        return Ok(vec![cx.scale(1)?.0]);
    };
    let rank = cx.sizes(1)?.len();
    let columns = rank - if p.adj_y { 2 } else { 1 };
    let scales = quantized::weight_scales(cx, 1, p.n)?;
    match several.axis(rank) {
        Some(axis) if axis == columns => Ok(scales),
        _ => Err(cx.unsupported(format!(
            "scales along dimension {} of the weights, not along their columns",
            several.dimension
        ))),
    }
}

/// With a scale for each column LiteRT's kernels take 0 for all of them, so that every answer is the zero point; only the
/// plain kernels do so here.
fn quantized_product<X: Quantized + Element, Y: Quantized + Element>(
    cx: &Context,
    g: Geometry,
) -> Result<Prepared> {
    let ((xs, xz), (os, oz)) = (cx.scale(0)?, cx.out_scale(0)?);
    let several = cx.quantization(1).is_some_and(|q| q.scale.len() > 1);
    let (factors, yz): (Vec<f64>, i32) = match several {
        false => {
            let (ys, yz) = cx.scale(1)?;
            (vec![Requant::per_tensor(xs, ys, os)], yz)
        }
        true if cx.options.reference => (vec![0.0], 0),
        true => {
            let scales = column_scales(cx, &g.p)?.into_iter();
            let factors = scales.map(|ys| Requant::per_tensor(xs, ys, os));
            (factors.collect(), 0)
        }
    };
    let range = (X::LO, X::HI);
    // Sums of 16-bit products have 64 bits.
    let requant = match X::DTYPE {
        DType::Int16 => Requant::fixed64(&factors, oz, range),
        _ => Requant::fixed(&factors, oz, range),
    };
    if !several
        && (X::DTYPE, Y::DTYPE) == (DType::Int8, DType::Int8)
        && let Some(ready) = fast::int8_matmul(cx, g.p, [&g.x, &g.y, &g.out], [xz, yz], &requant)?
    {
        return Ok(ready);
    }
    Prepared::function(move |io| {
        let (x, y) = (io.input::<X>(0)?, io.input::<Y>(1)?);
        batch_matmul_quantized(
            &g.p,
            (x, &g.x, xz),
            (y, &g.y, yz),
            &requant,
            (io.output(0)?, &g.out),
        );
        Ok(())
    })
}

fn infer_fully_connected(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.out_dtype(0)?;
    let filter = cx.shape(1)?;
    let (units, depth) = match filter.dims() {
        Some([units, depth]) => (*units, *depth),
        _ => return Err(cx.wrong(format!("a filter of shape {filter}"))),
    };
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    if cx.attr_bool("keep_num_dims") {
        let mut dims = dims.to_vec();
        match dims.last_mut() {
            Some(last) if *last == depth || *last < 0 || depth < 0 => *last = units,
            _ => {
                return Err(cx.wrong(format!(
                    "an input of {} for a filter of {filter}",
                    cx.shape(0)?
                )));
            }
        }
        return cx.one(dtype, Shape(Some(dims)));
    }
    let batch = match (cx.shape(0)?.elements(), usize::try_from(depth)) {
        (Some(count), Ok(depth)) if depth > 0 && count.is_multiple_of(depth) => {
            (count / depth) as i64
        }
        (Some(0), Ok(0)) => match dims {
            [rows @ .., 0] if rows.iter().all(|&d| d >= 0) => rows.iter().product(),
            _ => {
                return Err(cx.wrong(format!(
                    "an input of {} for a filter of {filter}",
                    cx.shape(0)?
                )));
            }
        },
        (Some(_), Ok(_)) => {
            return Err(cx.wrong(format!(
                "an input of {} for a filter of {filter}",
                cx.shape(0)?
            )));
        }
        _ => -1,
    };
    cx.one(dtype, Shape(Some(vec![batch, units])))
}

fn prepare_fully_connected(cx: &Context) -> Result<Prepared> {
    let (input, filter) = (cx.sizes(0)?, cx.sizes(1)?);
    let [units, depth] = filter[..] else {
        return Err(cx.wrong(format!("a filter of {filter:?}")));
    };
    let count: usize = input.iter().product();
    if depth == 0 && input.last() == Some(&0) && cx.dtype(0)? == DType::Float32 {
        return sums_of_nothing(cx, units);
    }
    if depth == 0 || !count.is_multiple_of(depth) {
        return Err(cx.wrong(format!("an input of {input:?} for a filter of {filter:?}")));
    }
    if cx.attr_int("weights_format", 0) != 0 {
        return Err(cx.unsupported("shuffled weights"));
    }
    let sizes = (count / depth, depth, units);
    let (x, weights) = (cx.dtype(0)?, cx.dtype(1)?);
    if x == DType::Float32 && weights != x {
        return match weights {
            DType::Int8 | DType::UInt8 | DType::Int4 | DType::Int2 => {
                hybrid_fully_connected(cx, sizes)
            }
            other => Err(cx.unsupported(format!("no kernel for {x} with {other} weights"))),
        };
    }
    let clamp = quantized::activation(cx)?;
    match (x, weights) {
        (DType::Float32, DType::Float32) => float_fully_connected(cx, sizes, clamp),
        (DType::Int8, DType::Int8 | DType::Int4 | DType::Int2) => {
            integer_fully_connected::<i8, i8>(cx, sizes, clamp)
        }
        (DType::UInt8, DType::UInt8) => integer_fully_connected::<u8, u8>(cx, sizes, clamp),
        (DType::Int16, DType::Int8 | DType::Int4) => {
            integer_fully_connected::<i16, i8>(cx, sizes, clamp)
        }
        (DType::Int16, DType::Int16) => integer_fully_connected::<i16, i16>(cx, sizes, clamp),
        (x, w) => Err(cx.unsupported(format!("no kernel for {x} with {w} weights"))),
    }
}

/// The input that an ADD of floats adds to every row (or row of rows) of the other one: first the other, then the
/// constant that is added.
pub fn adds_a_bias(cx: &Context) -> Option<[usize; 2]> {
    let plain =
        cx.tflite() && &*cx.node.op == "ADD" && quantized::activation(cx).ok()? == Clamp::FINITE;
    if !plain || cx.out_dtype(0).ok()? != DType::Float32 {
        return None;
    }
    let constant = |input: usize| Some(cx.input(input).ok()?.constant.is_some());
    let [other, added] = match [constant(0)?, constant(1)?] {
        [false, true] => [0, 1],
        [true, false] => [1, 0],
        _ => return None,
    };
    let (sizes, own) = (cx.sizes(other).ok()?, cx.sizes(added).ok()?);
    let first = own.iter().position(|&n| n != 1)?;
    (own.len() <= sizes.len() && sizes.ends_with(&own[first..])).then_some([other, added])
}

/// Whether a node is a FULLY_CONNECTED to floats that lacks nothing but a bias of so many.
pub fn takes_a_bias(cx: &Context, units: usize) -> bool {
    let product = cx.tflite() && &*cx.node.op == "FULLY_CONNECTED" && !cx.has(2);
    let float = |dtype: Result<DType>| matches!(dtype, Ok(DType::Float32));
    let plain = matches!(quantized::activation(cx), Ok(clamp) if clamp == Clamp::FINITE);
    let fits = cx
        .sizes(1)
        .is_ok_and(|filter| filter.first() == Some(&units));
    product && plain && fits && float(cx.dtype(0)) && float(cx.out_dtype(0))
}

/// Without columns every sum is the bias.
fn sums_of_nothing(cx: &Context, units: usize) -> Result<Prepared> {
    check_bias(cx, units)?;
    let clamp = quantized::activation(cx)?;
    Prepared::function(move |io| {
        let (bias, out) = (io.optional::<f32>(2)?, io.output::<f32>(0)?);
        for (at, out) in out.iter_mut().enumerate() {
            *out = clamp.apply(bias.map_or(0.0, |bias| bias[at % units]));
        }
        Ok(())
    })
}

fn check_bias(cx: &Context, units: usize) -> Result<()> {
    if cx.has(2) && (cx.shape(2)?.elements() != Some(units) || cx.dtype(2)? != DType::Float32) {
        return Err(cx.wrong(format!(
            "a bias of {} {} for {units} units",
            cx.dtype(2)?,
            cx.shape(2)?
        )));
    }
    Ok(())
}

/// `sizes` are batch, depth, units.
fn float_fully_connected(
    cx: &Context,
    sizes: (usize, usize, usize),
    clamp: Clamp,
) -> Result<Prepared> {
    let (_, depth, units) = sizes;
    check_bias(cx, units)?;
    if let Some(ready) = fast::float_fully_connected(cx, sizes, clamp)? {
        return Ok(ready);
    }
    Prepared::function(move |io| {
        let (x, w, bias) = (io.input(0)?, io.input(1)?, io.optional(2)?);
        fully_connected_f32(depth, x, w, bias, clamp, io.output(0)?);
        Ok(())
    })
}

/// Float activations, integer weights.
/// `sizes` are batch, depth, units.
fn hybrid_fully_connected(cx: &Context, sizes: (usize, usize, usize)) -> Result<Prepared> {
    let (_, depth, units) = sizes;
    let (clamp, after) = quantized::hybrid_activation(cx)?;
    let finish = move |output: &mut [f32]| {
        if let Some(after) = after {
            output.iter_mut().for_each(|x| *x = after.apply(*x));
        }
    };
    check_bias(cx, units)?;
    let scales = TableScales::of(cx, 1, units, depth)?;
    if scales.in_blocks() {
        return Prepared::with_room(room_bytes::<i8>(depth), move |io| {
            let (filter, bias) = (io.input(1)?, io.optional(2)?);
            let (x, row) = (io.input(0)?, io.room(depth)?);
            let weights = (filter, scales.get());
            let output = io.output(0)?;
            let room = (row, io.threads);
            hybrid::fully_connected_in_blocks(depth, x, weights, bias, clamp, room, output);
            finish(output);
            Ok(())
        });
    }
    let values = scales.get().values;
    if after.is_none()
        && let Some(ready) = fast::hybrid_fully_connected(cx, sizes, values, clamp)?
    {
        return Ok(ready);
    }
    let asymmetric = cx.attr_bool("asymmetric_quantize_inputs");
    Prepared::with_room(room_bytes::<i8>(depth), move |io| {
        let weights = HybridWeights {
            values: quantized::integers(io, 1)?,
            scales: scales.get().values,
            bias: io.optional(2)?,
        };
        let (x, row, output) = (io.input(0)?, io.room(depth)?, io.output(0)?);
        hybrid::fully_connected(depth, asymmetric, x, weights, clamp, row, output);
        finish(output);
        Ok(())
    })
}

/// `sizes` are batch, depth, units.
fn integer_fully_connected<X: Quantized + Element, W: Quantized + Element>(
    cx: &Context,
    sizes: (usize, usize, usize),
    clamp: Clamp,
) -> Result<Prepared> {
    if cx.out_dtype(0)? != X::DTYPE {
        return Err(cx.unsupported(format!(
            "no kernel for {} to {}",
            X::DTYPE,
            cx.out_dtype(0)?
        )));
    }
    let (_, depth, units) = sizes;
    let product = quantized::product::<X>(cx, (0, 1, 2), units, Style::Double, clamp)?;
    let ready = match X::DTYPE {
        DType::Int8 => fast::int8_fully_connected::<i8>(cx, sizes, &product)?,
        DType::UInt8 => fast::int8_fully_connected::<u8>(cx, sizes, &product)?,
        _ => None,
    };
    if let Some(ready) = ready {
        return Ok(ready);
    }
    let packed: &[usize] = if matches!(product.bias, Bias::Ready(_)) {
        &[2]
    } else {
        &[]
    };
    Prepared::packed_with(packed, product.bias.room_bytes(), move |io| {
        let (x, w) = (io.input::<X>(0)?, io.input::<W>(1)?);
        let bias = live_bias(&product.bias, io)?;
        fully_connected_quantized(
            depth,
            x,
            w,
            bias,
            product.zero,
            &product.requant,
            io.output(0)?,
        );
        Ok(())
    })
}

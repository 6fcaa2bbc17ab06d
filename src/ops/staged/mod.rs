//! Operators that make an operand ready and then do another operator's work: convolutions that pad and resize on their way,
//! one of any number of axes, a product of mixed types.

use super::conv::EVERY_STEP;
use super::kernel::{Content, Io, Kernel, Prepared, View, room_bytes};
use super::{Context, Fact, Operator, find};
use crate::error::{Error, Result};
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::model::{Attr, Attrs, DType, Dialect, Element, Node, Shape};

pub(super) use fused::OPERATORS as FUSED;

mod fused;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Conv"], &[], infer_conv, prepare_conv),
    Operator::new(&["SparseMatMul"], &[], infer_product, prepare_product),
];

/// Another operator in the place of this one.
struct Inner {
    node: Node,
    inputs: Vec<Option<Fact>>,
    operator: &'static Operator,
}

impl Inner {
    fn new(cx: &Context, op: &str, attrs: Attrs, inputs: Vec<Option<Fact>>) -> Result<Self> {
        let mut node = Node::new(cx.node.name.clone(), op);
        node.attrs = attrs;
        node.inputs = vec![None; inputs.len()];
        node.outputs = cx.node.outputs.clone();
        let operator = find(Dialect::Tf, op).ok_or_else(|| cx.unsupported(format!("no {op}")))?;
        Ok(Inner {
            node,
            inputs,
            operator,
        })
    }

    fn context<'i>(&'i self, cx: &Context<'i>) -> Context<'i> {
        Context {
            node: &self.node,
            inputs: &self.inputs,
            ..*cx
        }
    }

    fn infer(&self, cx: &Context) -> Result<Vec<Fact>> {
        (self.operator.infer)(&self.context(cx))
    }

    fn prepare(&self, cx: &Context) -> Result<Prepared> {
        (self.operator.prepare)(&self.context(cx))
    }
}

/// What the inner operator reads.
enum Operand {
    /// What is made, of this type and these sizes.
    Made(DType, Vec<usize>),
    /// An input of the whole.
    Given(usize),
}

impl Operand {
    fn bytes(&self) -> usize {
        match self {
            Operand::Made(dtype, sizes) => {
                let count = sizes
                    .iter()
                    .fold(1, |n: usize, &size| n.saturating_mul(size));
                count.saturating_mul(dtype.size().unwrap_or(0))
            }
            Operand::Given(_) => 0,
        }
    }
}

/// A kernel behind what makes its operands.
struct Staged<M> {
    inner: Box<dyn Kernel>,
    operands: Vec<Operand>,
    /// Fills operands that are made; gets the number of each.
    make: M,
    /// Inputs that it looks at.
    looks_at: Vec<usize>,
}

/// No inner operator reads more.
const MOST: usize = 3;

impl<M> Kernel for Staged<M>
where
    M: Fn(&Io<'_, '_>, usize, &mut [u8]) -> Result<()> + Send + Sync,
{
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let out = io.output_bytes(0)?;
        let mut rooms: [&mut [u8]; MOST] = Default::default();
        for (at, operand) in self.operands.iter().enumerate().take(MOST) {
            if let Operand::Made(..) = operand {
                let bytes = operand.bytes();
                let room = &mut io.room::<u8>(bytes)?[..bytes];
                (self.make)(io, at, room)?;
                rooms[at] = room;
            }
        }
        let mut inputs = [None; MOST];
        for ((slot, operand), room) in inputs.iter_mut().zip(&self.operands).zip(&rooms) {
            *slot = match operand {
                Operand::Made(dtype, shape) => Some(View {
                    dtype: *dtype,
                    shape,
                    data: Content::Bytes(room),
                }),
                Operand::Given(input) => io.inputs.get(*input).copied().flatten(),
            };
        }
        self.inner.run(&mut Io {
            inputs: &inputs[..self.operands.len().min(MOST)],
            outputs: &mut [Some(out)],
            threads: io.threads,
            scratch: &mut *io.scratch,
        })
    }

    fn reads(&self, input: usize) -> bool {
        let given = |(at, operand): (usize, &Operand)| {
            matches!(operand, Operand::Given(own) if *own == input) && self.inner.reads(at)
        };
        self.looks_at.contains(&input) || self.operands.iter().enumerate().any(given)
    }

    fn scratch_bytes(&self) -> usize {
        let rooms = self
            .operands
            .iter()
            .map(|own| room_bytes::<u8>(own.bytes()));
        rooms.fold(self.inner.scratch_bytes(), usize::saturating_add)
    }
}

/// `inner` with the operands that `make` fills.
fn staged(
    inner: Prepared,
    operands: Vec<Operand>,
    looks_at: Vec<usize>,
    make: impl Fn(&Io<'_, '_>, usize, &mut [u8]) -> Result<()> + Send + Sync + 'static,
) -> Result<Prepared> {
    match inner {
        Prepared::Kernel(inner) => Prepared::kernel(Staged {
            inner,
            operands,
            make,
            looks_at,
        }),
        Prepared::Later => super::later(),
        _ => Err(Error::unsupported("an operator inside that is no kernel")),
    }
}

/// Memory as numbers of one type.
fn numbers<T: Element>(bytes: &mut [u8]) -> Result<&mut [T]> {
    match bytes {
        [] => Ok(&mut []),
        bytes => bytemuck::try_cast_slice_mut(bytes).map_err(|e| {
            Error::unsupported(format!("memory that does not hold {}: {e}", T::DTYPE))
        }),
    }
}

/// Conv2D or Conv3D, by the axes of the filter; leading axes of the input beyond one count as one.
fn conv(cx: &Context) -> Result<Option<Inner>> {
    let space = match cx.shape(1)?.rank() {
        None => return Ok(None),
        Some(rank @ (4 | 5)) => rank - 2,
        Some(rank) => {
            return Err(cx.wrong(format!(
                "a filter of {rank} axes, expected 2 or 3 of space and 2 of channels"
            )));
        }
    };
    let Some(dims) = cx.shape(0)?.dims() else {
        return Ok(None);
    };
    let batch = batch_axes(cx, dims.len(), space)?;
    let lead = match dims[..batch].contains(&-1) {
        true => -1,
        false => dims[..batch].iter().fold(1i64, |n, &d| n.saturating_mul(d)),
    };
    let first = match cx.node.attrs.text("data_format") {
        None | Some("CHANNELS_LAST") => false,
        Some("CHANNELS_FIRST") => true,
        Some(other) => return Err(cx.wrong(format!("the layout {other:?}"))),
    };
    let channels = if first { batch } else { dims.len() - 1 };
    let filter = cx.shape(1)?.dims().unwrap_or_default();
    let own = [dims[channels], filter[filter.len() - 2]];
    if cx.attr_int("groups", 1) != 1 || (own[0] != own[1] && !own.contains(&-1)) {
        return Err(cx.wrong(format!(
            "a filter of {} on {} in {} groups, expected as many channels and one group",
            cx.shape(1)?,
            cx.shape(0)?,
            cx.attr_int("groups", 1)
        )));
    }
    let (op, formats) = match space {
        2 => ("Conv2D", ["NHWC", "NCHW"]),
        _ => ("Conv3D", ["NDHWC", "NCDHW"]),
    };
    let format = Attr::Bytes(formats[usize::from(first)].as_bytes().to_vec().into());
    let attrs = cx.node.attrs.clone().with("data_format", format);
    let attrs = attrs.with(EVERY_STEP, Attr::Bool(space == 3));
    let x = Fact::new(
        cx.dtype(0)?,
        Shape(Some([&[lead], &dims[batch..]].concat())),
    );
    let inputs = vec![Some(x), Some(cx.input(1)?.clone())];
    Inner::new(cx, op, attrs, inputs).map(Some)
}

/// How many axes stand before those of space and channels.
fn batch_axes(cx: &Context, rank: usize, space: usize) -> Result<usize> {
    let told = usize::try_from(cx.attr_int("batch_dims", 1)).ok();
    let told = told.filter(|batch| batch.checked_add(space + 1) == Some(rank));
    told.ok_or_else(|| {
        cx.wrong(format!(
            "{} with {} axes of space behind {} of batches",
            cx.shape(0).unwrap_or(&Shape::UNKNOWN),
            space,
            cx.attr_int("batch_dims", 1)
        ))
    })
}

fn infer_conv(cx: &Context) -> Result<Vec<Fact>> {
    let Some(inner) = conv(cx)? else {
        return cx.one(cx.dtype(0)?, Shape::UNKNOWN);
    };
    let mut facts = inner.infer(cx)?;
    let batch = usize::try_from(cx.attr_int("batch_dims", 1)).unwrap_or(1);
    let lead = cx.shape(0)?.dims().and_then(|dims| dims.get(..batch));
    for fact in &mut facts {
        let own = fact.shape.dims().and_then(|dims| dims.get(1..));
        fact.shape = Shape(lead.zip(own).map(|(lead, own)| [lead, own].concat()));
    }
    Ok(facts)
}

fn prepare_conv(cx: &Context) -> Result<Prepared> {
    match conv(cx)? {
        Some(inner) => inner.prepare(cx),
        None => super::later(),
    }
}

/// A product of float32, of operands that are read as float32.
fn product(cx: &Context) -> Result<Inner> {
    let operand = |at: usize| {
        let (dtype, shape) = (cx.dtype(at)?, cx.shape(at)?);
        if !matches!(dtype, DType::Float32 | DType::BFloat16) {
            return Err(cx.no_kernel(dtype));
        }
        match shape.rank() {
            None | Some(2) => Ok(match dtype {
                DType::Float32 => cx.input(at)?.clone(),
                _ => Fact::new(DType::Float32, shape.clone()),
            }),
            Some(_) => Err(cx.wrong(format!("input {at} is {shape}, expected a matrix"))),
        }
    };
    let inputs = vec![Some(operand(0)?), Some(operand(1)?)];
    Inner::new(cx, "MatMul", cx.node.attrs.clone(), inputs)
}

fn infer_product(cx: &Context) -> Result<Vec<Fact>> {
    product(cx)?.infer(cx)
}

fn prepare_product(cx: &Context) -> Result<Prepared> {
    let inner = product(cx)?.prepare(cx)?;
    let operand = |at: usize| {
        Ok(match cx.dtype(at)? {
            DType::Float32 => Operand::Given(at),
            _ => Operand::Made(DType::Float32, cx.sizes(at)?),
        })
    };
    let operands = vec![operand(0)?, operand(1)?];
    let made = |at: &usize| matches!(operands[*at], Operand::Made(..));
    let looks_at: Vec<usize> = [0, 1].into_iter().filter(made).collect();
    staged(inner, operands, looks_at, |io, at, room| {
        let wide = |v: half::bf16| v.to_f32();
        map(io.input::<half::bf16>(at)?, numbers::<f32>(room)?, wide);
        Ok(())
    })
}

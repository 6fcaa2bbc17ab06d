//! What an operator becomes once its shapes are known: something that runs on views of memory.

use std::sync::Arc;

use bytemuck::{Pod, PodCastError, cast_slice_mut, try_cast_slice, try_cast_slice_mut};

use super::control::Control;
use super::state::State;
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::model::{DType, Element, Resource, Tensor, TensorList};

/// An operator made ready for fixed shapes. Weights that never change are already packed inside.
pub trait Kernel: Send + Sync {
    /// Reads the inputs and fills every element of every output.
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()>;

    /// Whether `run` looks at this input; packed weights need not be kept.
    fn reads(&self, _input: usize) -> bool {
        true
    }

    /// Inputs whose memory output 0 may be. Where it is, the input is absent from [`Io::inputs`] and the output holds
    /// its values.
    fn in_place(&self) -> &'static [usize] {
        &[]
    }

    /// Inputs that `run` changes: variable tensors of a .tflite. Their memory comes behind that of the outputs, in this
    /// order, with the values of the run before; they are absent from [`Io::inputs`].
    fn changes(&self) -> &'static [usize] {
        &[]
    }

    /// Bytes that `run` wants in [`Io::scratch`]: the sum of [`room_bytes`] of what it takes.
    fn scratch_bytes(&self) -> usize {
        0
    }
}

/// An operator whose output shapes depend on the values of its inputs.
pub trait Compute: Send + Sync {
    fn compute(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>>;
}

/// An operator that reads or changes what outlives the run. It gets its inputs whole, and alone those that nothing
/// needs afterwards.
pub trait Effect: Send + Sync {
    fn run(&self, inputs: Vec<Option<Arc<Tensor>>>, state: &mut State) -> Result<Vec<Arc<Tensor>>>;
}

/// How the runtime has to execute an operator.
pub enum Prepared {
    Kernel(Box<dyn Kernel>),
    /// Output 0 is the bytes of this input under other sizes.
    Alias(usize),
    /// Every output i is input i.
    Forward,
    /// Outputs come as tensors of their own.
    Compute(Box<dyn Compute>),
    Effect(Box<dyn Effect>),
    /// It runs other graphs of the model.
    Control(Control),
    /// Both outputs are input 0, and input 1 says which of them lives.
    Switch,
    /// Output 0 is the input that lives, output 1 its number.
    Merge,
    /// There is nothing to do.
    Nothing,
    /// It can't be prepared before the values of its inputs are known.
    Later,
}

impl Prepared {
    pub fn kernel(kernel: impl Kernel + 'static) -> Result<Self> {
        Ok(Prepared::Kernel(Box::new(kernel)))
    }

    /// A kernel that is one function of its operands.
    pub fn function(
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(Prepared::Kernel(Box::new(Function(run))))
    }

    /// The same with so many bytes of [`Io::scratch`], counted by [`room_bytes`].
    pub fn with_room(
        scratch_bytes: usize,
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::packed_with(&[], scratch_bytes, run)
    }

    /// The same with weights packed inside: these inputs are not read again.
    pub fn packed(
        packed: &'static [usize],
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::packed_with(packed, 0, run)
    }

    /// Both.
    pub fn packed_with(
        packed: &'static [usize],
        scratch_bytes: usize,
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::changing(packed, &[], scratch_bytes, run)
    }

    /// The same that changes variable tensors, see [`Kernel::changes`].
    pub fn changing(
        packed: &'static [usize],
        changes: &'static [usize],
        scratch_bytes: usize,
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(Prepared::Kernel(Box::new(Packed {
            packed,
            scratch_bytes,
            in_place: &[],
            changes,
            run,
        })))
    }

    /// A kernel whose output 0 may lie where one of these inputs lies, see [`Kernel::in_place`].
    pub fn in_place(
        in_place: &'static [usize],
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::in_place_packed(in_place, &[], run)
    }

    /// The same that does not read the inputs `packed`.
    pub fn in_place_packed(
        in_place: &'static [usize],
        packed: &'static [usize],
        run: impl Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(Prepared::Kernel(Box::new(Packed {
            packed,
            scratch_bytes: 0,
            in_place,
            changes: &[],
            run,
        })))
    }

    pub fn compute(
        run: impl Fn(&[Option<View<'_>>]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(Prepared::Compute(Box::new(Function(run))))
    }
}

impl Prepared {
    pub fn effect(
        run: impl Fn(Vec<Option<Arc<Tensor>>>, &mut State) -> Result<Vec<Arc<Tensor>>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self> {
        Ok(Prepared::Effect(Box::new(Function(run))))
    }
}

struct Function<F>(F);

impl<F> Effect for Function<F>
where
    F: Fn(Vec<Option<Arc<Tensor>>>, &mut State) -> Result<Vec<Arc<Tensor>>> + Send + Sync,
{
    fn run(&self, inputs: Vec<Option<Arc<Tensor>>>, state: &mut State) -> Result<Vec<Arc<Tensor>>> {
        (self.0)(inputs, state)
    }
}

impl<F: Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync> Kernel for Function<F> {
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        (self.0)(io)
    }
}

struct Packed<F> {
    packed: &'static [usize],
    scratch_bytes: usize,
    in_place: &'static [usize],
    changes: &'static [usize],
    run: F,
}

impl<F: Fn(&mut Io<'_, '_>) -> Result<()> + Send + Sync> Kernel for Packed<F> {
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        (self.run)(io)
    }

    fn reads(&self, input: usize) -> bool {
        !self.packed.contains(&input)
    }

    fn in_place(&self) -> &'static [usize] {
        self.in_place
    }

    fn changes(&self) -> &'static [usize] {
        self.changes
    }

    fn scratch_bytes(&self) -> usize {
        self.scratch_bytes
    }
}

impl<F: Fn(&[Option<View<'_>>]) -> Result<Vec<Tensor>> + Send + Sync> Compute for Function<F> {
    fn compute(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        (self.0)(inputs)
    }
}

/// A value that a kernel reads.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub dtype: DType,
    pub shape: &'a [usize],
    pub data: Content<'a>,
}

#[derive(Clone, Copy)]
pub enum Content<'a> {
    Bytes(&'a [u8]),
    Strings(&'a [Vec<u8>]),
    Handles(&'a [Resource]),
    Lists(&'a [Arc<TensorList>]),
}

impl<'a> View<'a> {
    pub fn of(tensor: &'a Tensor) -> Self {
        View {
            dtype: tensor.dtype(),
            shape: tensor.shape(),
            data: if let Some(strings) = tensor.strings() {
                Content::Strings(strings)
            } else if let Some(handles) = tensor.handles() {
                Content::Handles(handles)
            } else if let Some(lists) = tensor.lists() {
                Content::Lists(lists)
            } else {
                Content::Bytes(tensor.bytes().unwrap_or_default())
            },
        }
    }

    pub fn bytes(&self) -> &'a [u8] {
        match self.data {
            Content::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    pub fn values<T: Element>(&self) -> Result<&'a [T]> {
        match self.data {
            // No bytes may stand anywhere, where no number could.
            Content::Bytes([]) if T::holds(self.dtype) => Ok(&[]),
            Content::Bytes(bytes) if T::holds(self.dtype) => {
                try_cast_slice(bytes).map_err(unfit::<T>)
            }
            _ => Err(Error::unsupported(format!(
                "an input is {}, expected {}",
                self.dtype,
                T::DTYPE
            ))),
        }
    }

    pub fn strings(&self) -> Result<&'a [Vec<u8>]> {
        match self.data {
            Content::Strings(strings) => Ok(strings),
            _ => Err(Error::unsupported(format!(
                "an input is {}, expected strings",
                self.dtype
            ))),
        }
    }

    /// A copy with memory of its own.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match self.data {
            Content::Bytes(bytes) => Tensor::from_bytes(self.dtype, self.shape, bytes),
            Content::Strings(strings) => Ok(Tensor::from_strings(self.shape, strings.to_vec())),
            Content::Handles(handles) => Tensor::from_handles(self.shape, handles.to_vec()),
            Content::Lists(lists) => Tensor::from_lists(self.shape, lists.to_vec()),
        }
    }
}

fn unfit<T: Element>(error: PodCastError) -> Error {
    Error::unsupported(format!("memory that does not hold {}: {error}", T::DTYPE))
}

/// The operands of one call.
pub struct Io<'s, 'a> {
    pub inputs: &'s [Option<View<'a>>],
    /// Row-major memory of each output, uninitialized in the sense that it holds old values.
    pub outputs: &'s mut [Option<&'a mut [u8]>],
    pub threads: &'s Threads,
    /// Memory for the call alone, aligned to 16 bytes, at least [`Kernel::scratch_bytes`]; holds old values.
    pub scratch: &'a mut [u8],
}

/// Every part of the scratch memory begins on a multiple of this.
const ROOM_ALIGNMENT: usize = 64;

/// Bytes of scratch that [`Io::room`] takes for `count` elements.
pub fn room_bytes<T>(count: usize) -> usize {
    count
        .saturating_mul(size_of::<T>())
        .checked_next_multiple_of(ROOM_ALIGNMENT)
        .unwrap_or(usize::MAX)
}

impl<'s, 'a> Io<'s, 'a> {
    pub fn view(&self, index: usize) -> Result<View<'a>> {
        self.inputs
            .get(index)
            .copied()
            .flatten()
            .ok_or_else(|| Error::unsupported(format!("input {index} is missing")))
    }

    pub fn input<T: Element>(&self, index: usize) -> Result<&'a [T]> {
        self.view(index)?.values()
    }

    /// Whether input `index` lies where output 0 does (or is absent).
    pub fn is_in_place(&self, index: usize) -> bool {
        self.inputs.get(index).copied().flatten().is_none()
    }

    /// `None` where an optional input is absent.
    pub fn optional<T: Element>(&self, index: usize) -> Result<Option<&'a [T]>> {
        match self.inputs.get(index).copied().flatten() {
            Some(view) => view.values().map(Some),
            None => Ok(None),
        }
    }

    /// The memory of output `index`; can be taken once per call.
    pub fn output_bytes(&mut self, index: usize) -> Result<&'a mut [u8]> {
        self.outputs
            .get_mut(index)
            .and_then(Option::take)
            .ok_or_else(|| Error::unsupported(format!("output {index} has no memory")))
    }

    pub fn output<T: Element>(&mut self, index: usize) -> Result<&'a mut [T]> {
        match self.output_bytes(index)? {
            [] => Ok(&mut []),
            bytes => try_cast_slice_mut(bytes).map_err(unfit::<T>),
        }
    }

    /// The next `count` elements of the scratch memory.
    pub fn room<T: Pod>(&mut self, count: usize) -> Result<&'a mut [T]> {
        let bytes = room_bytes::<T>(count);
        if bytes == 0 {
            return Ok(&mut []);
        }
        match std::mem::take(&mut self.scratch).split_at_mut_checked(bytes) {
            Some((room, rest)) => {
                self.scratch = rest;
                Ok(cast_slice_mut(&mut room[..count * size_of::<T>()]))
            }
            None => Err(Error::unsupported(
                "a kernel takes more scratch memory than it asked for",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reads_as_no_numbers_wherever_it_stands() {
        let bytes = [0u8; 8];
        for start in 0..4 {
            let view = View {
                dtype: DType::Float32,
                shape: &[0, 3],
                data: Content::Bytes(&bytes[start..start]),
            };
            assert!(view.values::<f32>().unwrap().is_empty());
        }
    }
}

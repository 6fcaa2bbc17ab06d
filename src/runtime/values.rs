//! The values of a run.

use std::sync::Arc;

use super::memory::Memory;
use super::plan::{Place, Plan};
use super::program::Setup;
use crate::error::{Error, Result};
use crate::model::{Tensor, ValueId};
use crate::ops::{Content, View};

/// The values of a run, where they lie.
#[derive(Clone, Copy)]
pub struct Values<'v> {
    pub setup: Setup<'v>,
    pub plan: &'v Plan,
    pub inputs: &'v [&'v Tensor],
    pub memory: &'v Memory,
}

impl<'v> Values<'v> {
    /// A value as a tensor of its own, shared where it is one already.
    pub fn whole(&self, value: ValueId) -> Result<Arc<Tensor>> {
        let sizes = self.plan.sizes[value.index()].as_deref();
        let fits = |tensor: &&Arc<Tensor>| sizes.is_none_or(|s| s.iter().eq(tensor.shape()));
        let held = match &self.plan.places[value.index()] {
            Place::Constant(tensor) => Some(tensor),
            Place::Owned(index) => self.memory.owned[*index].as_ref(),
            _ => None,
        };
        match held.filter(fits) {
            Some(tensor) => Ok(tensor.clone()),
            None => self.view(value)?.to_tensor().map(Arc::new),
        }
    }

    /// A copy of a value, in the memory of `old` where that has its type and sizes and is nobody else's.
    pub fn copied(&self, value: ValueId, old: Option<Arc<Tensor>>) -> Result<Arc<Tensor>> {
        let view = self.view(value)?;
        let fits = |old: &Arc<Tensor>| {
            // Element by element: a call to compare so few bytes takes longer.
            old.dtype() == view.dtype && old.shape().iter().eq(view.shape)
        };
        if let Some(mut old) = old.filter(fits)
            && let Some(bytes) = Arc::get_mut(&mut old).and_then(Tensor::bytes_mut)
        {
            bytes.copy_from_slice(view.bytes());
            return Ok(old);
        }
        view.to_tensor().map(Arc::new)
    }

    pub fn view(&self, value: ValueId) -> Result<View<'v>> {
        let never = || {
            let name = &self.setup.graph().value(value).name;
            Error::unsupported(format!("the value {name:?} was not computed"))
        };
        let sizes = self.plan.sizes[value.index()].as_deref();
        let tensor = match &self.plan.places[value.index()] {
            Place::Nowhere => None,
            Place::Arena { offset, bytes } => {
                let arena = self.memory.arena.as_slice();
                let (dtype, shape) = self.plan.known(value).ok_or_else(never)?;
                let data = Content::Bytes(&arena[*offset..*offset + *bytes]);
                return Ok(View { dtype, shape, data });
            }
            Place::Input(index) => self.inputs.get(*index).copied(),
            Place::Constant(tensor) => Some(&**tensor),
            Place::Owned(index) => self.memory.owned.get(*index).and_then(Option::as_deref),
        };
        let whole = View::of(tensor.ok_or_else(never)?);
        Ok(View {
            shape: sizes.unwrap_or(whole.shape),
            ..whole
        })
    }
}

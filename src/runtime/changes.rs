//! What runs change in what outlives them: variables, tables, variable tensors of a `.tflite`.

use std::sync::Arc;

use super::memory::Memory;
use super::plan::Plan;
use super::replay::Moment;
use super::session::Session;
use crate::model::{Tensor, ValueId};
use crate::ops::{Change, Changed};

/// What the variable tensors of the signature's own graph hold.
pub fn lasting(plan: &Plan, memory: &Memory) -> Vec<Left> {
    if plan.kept.is_empty() {
        return Vec::new();
    }
    let parts = memory.lasting(plan).parts().to_vec();
    let left = plan.kept.iter().zip(parts).map(|(kept, bytes)| Left {
        value: kept.value,
        fill: kept.fill,
        bytes,
    });
    left.collect()
}

/// A variable tensor after a run.
#[derive(Clone)]
pub struct Left {
    value: ValueId,
    /// What every byte is before the first run.
    fill: u8,
    bytes: Vec<u8>,
}

impl Session {
    /// What is otherwise than at the moment `before`, where that can be told: variables, then tables, then the variable
    /// tensors of the signature's own graph. Costs nothing where runs write nothing; values that are shared with that
    /// moment are not compared.
    pub fn changes(&self, before: &Moment) -> Vec<Change> {
        let written = |id| self.program.writes(id);
        let mut changes = self.state.changes(&before.state, written);
        let now = match &self.planned {
            Some((plan, memory)) => lasting(plan, memory),
            None => self.left.clone(),
        };
        for (at, left) in now.into_iter().enumerate() {
            // What has no counterpart began anew.
            let before = before.lasting.parts().get(at);
            let before = before.filter(|part| part.len() == left.bytes.len());
            let before = before
                .cloned()
                .unwrap_or_else(|| vec![left.fill; left.bytes.len()]);
            if before != left.bytes {
                changes.extend(self.of_variable_tensor(left.value, &before, &left.bytes));
            }
        }
        changes
    }

    /// `None` where no tensor can be made of the bytes.
    fn of_variable_tensor(&self, value: ValueId, before: &[u8], after: &[u8]) -> Option<Change> {
        let value = self.program.main().graph().value(value);
        let sizes = value.shape.fixed()?;
        let tensor = |bytes: &[u8]| {
            Some(Arc::new(
                Tensor::from_bytes(value.dtype, &sizes, bytes).ok()?,
            ))
        };
        Some(Change {
            name: value.name.clone(),
            changed: Changed::Variable {
                before: Some(tensor(before)?),
                after: Some(tensor(after)?),
            },
            quantization: value.quantization.clone(),
        })
    }
}

//! The memory that a plan runs in: its arena, tensors that have memory of their own, and what steps keep.

use std::collections::HashMap;
use std::sync::Arc;

use super::blocks::Frame;
use super::few::Spare;
use super::fusion::ahead::Room;
use super::plan::{Kept, Plan};
use super::ready::Ready;
use crate::error::Result;
use crate::memory::{self, AlignedBytes};
use crate::model::{Tensor, ValueId};
use crate::ops::View;

/// What a plan writes while it runs; made once and used again.
pub struct Memory {
    pub(super) arena: AlignedBytes,
    /// Values in tensors of their own, by value.
    pub(super) owned: Vec<Option<Arc<Tensor>>>,
    /// Dynamic steps as they ran last, by step.
    pub(super) ready: Vec<Option<Ready>>,
    /// Other graphs that steps run, by step.
    frames: Vec<Vec<Option<Box<Frame>>>>,
    /// Products for several rounds of a loop, by step.
    pub(super) ahead: Vec<Option<Box<Room>>>,
    /// Values that no branch gave, where the graph has conditions.
    pub(super) dead: Vec<bool>,
    pub(super) operands: Operands,
}

/// Where the views of a step with many are listed.
#[derive(Default)]
pub(super) struct Operands {
    pub(super) inputs: Spare<Option<View<'static>>>,
    pub(super) outputs: Spare<Option<&'static mut [u8]>>,
    /// Parts of the arena that are read, by offset.
    pub(super) pieces: Spare<Option<(usize, &'static [u8])>>,
}

impl Memory {
    /// `operands` is the most that a step reads or writes.
    pub fn new(
        arena_bytes: usize,
        kept: &[Kept],
        operands: usize,
        values: usize,
        steps: usize,
    ) -> Result<Self> {
        let mut arena = memory::zeroed("the values", arena_bytes)?;
        let bytes = arena.as_mut_slice();
        for kept in kept {
            bytes[kept.offset..kept.offset + kept.bytes].fill(kept.fill);
        }
        Ok(Memory {
            arena,
            owned: vec![None; values],
            ready: std::iter::repeat_with(|| None).take(steps).collect(),
            frames: std::iter::repeat_with(Vec::new).take(steps).collect(),
            ahead: std::iter::repeat_with(|| None).take(steps).collect(),
            dead: Vec::new(),
            operands: Operands {
                inputs: Spare::with_room(operands),
                outputs: Spare::with_room(operands),
                pieces: Spare::with_room(operands),
            },
        })
    }

    pub(super) fn arena_mut(&mut self) -> &mut [u8] {
        self.arena.as_mut_slice()
    }

    /// Before a loop's first round, and where it may have other values than the round before left.
    pub fn begin(&mut self) {
        self.ahead
            .iter_mut()
            .flatten()
            .for_each(|room| room.forget());
    }

    /// Bytes beside the arena: arenas of the graphs that steps run, and products for several rounds.
    pub fn beside(&self) -> usize {
        let frames = self.frames.iter().flatten().flatten();
        let rooms = self.ahead.iter().flatten().map(|room| room.bytes());
        let all = frames.map(|frame| frame.bytes()).chain(rooms);
        all.fold(0, usize::saturating_add)
    }

    /// Leaves none.
    pub fn take_arena(&mut self) -> AlignedBytes {
        std::mem::take(&mut self.arena)
    }

    /// The graph number `part` of the `parts` that step `at` runs, as it ran last.
    pub fn frame(&mut self, at: usize, part: usize, parts: usize) -> &mut Option<Box<Frame>> {
        let frames = &mut self.frames[at];
        if frames.len() < parts {
            frames.resize_with(parts, || None);
        }
        &mut frames[part]
    }

    /// Hands inputs over.
    pub fn give(&mut self, values: &[ValueId], tensors: Vec<Arc<Tensor>>) {
        for (value, tensor) in values.iter().zip(tensors) {
            self.owned[value.index()] = Some(tensor);
        }
    }

    /// A tensor that nothing will ask for again in this run.
    pub fn take(&mut self, value: ValueId) -> Option<Arc<Tensor>> {
        self.owned[value.index()].take()
    }

    /// What it keeps from run to run, of the graphs that steps run as well.
    pub fn lasting(&self, plan: &Plan) -> Lasting {
        let arena = self.arena.as_slice();
        let part = |kept: &Kept| arena[kept.offset..kept.offset + kept.bytes].to_vec();
        let mut frames = HashMap::new();
        for (at, parts) in self.frames.iter().enumerate() {
            for (part, frame) in parts.iter().enumerate() {
                let lasting = frame.as_ref().map(|frame| frame.lasting());
                if let Some(lasting) = lasting.filter(|lasting| !lasting.is_empty()) {
                    frames.insert((at, part), lasting);
                }
            }
        }
        Lasting {
            parts: plan.kept.iter().map(part).collect(),
            frames,
        }
    }

    /// Keeps again what it kept then; what has no counterpart begins anew.
    pub fn restore(&mut self, plan: &Plan, then: &Lasting) {
        let arena = self.arena.as_mut_slice();
        for (at, kept) in plan.kept.iter().enumerate() {
            let to = &mut arena[kept.offset..kept.offset + kept.bytes];
            match then.parts.get(at).filter(|part| part.len() == to.len()) {
                Some(part) => to.copy_from_slice(part),
                None => to.fill(kept.fill),
            }
        }
        for (at, parts) in self.frames.iter_mut().enumerate() {
            for (part, frame) in parts.iter_mut().enumerate() {
                let none = Lasting::default();
                let then = then.frames.get(&(at, part)).unwrap_or(&none);
                if let Some(frame) = frame {
                    frame.restore(then);
                }
            }
        }
    }

    /// Drops the tensors of the last run.
    pub fn forget(&mut self) {
        self.owned.fill(None);
    }
}

/// What variable tensors hold from run to run, and those of graphs that steps run, by step and number.
#[derive(Debug, Clone, Default)]
pub struct Lasting {
    parts: Vec<Vec<u8>>,
    frames: HashMap<(usize, usize), Lasting>,
}

impl Lasting {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.frames.is_empty()
    }

    /// The bytes of each variable tensor of the graph itself, in the order of [`Plan::kept`].
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }
}

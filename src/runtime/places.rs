//! Where every value of a plan lies: with the caller, in a constant, in the arena, or in a tensor of its own.

use super::arena::{self, Lifetime};
use super::plan::{Builder, Call, Kept, Piece, Place, Role, Step, Work};
use super::{ArenaBlock, ArenaReport};
use crate::error::{Error, Result};
use crate::model::{DType, ValueId};
use crate::ops::Fact;

impl Builder<'_> {
    /// The last step that reads each value (by the value whose bytes it is); results of the graph live to the end.
    pub(super) fn last_uses(&self) -> Vec<Option<usize>> {
        let mut last = vec![None; self.facts.len()];
        for (at, step) in self.steps.iter().enumerate() {
            for value in step.inputs.iter().flatten().chain(&step.outputs) {
                last[self.same_as[value.index()]] = Some(at);
            }
        }
        for output in &self.setup.body().outputs {
            last[self.same_as[output.index()]] = Some(self.steps.len());
        }
        last
    }

    pub(super) fn places(&mut self, last_use: &[Option<usize>]) -> Result<Vec<Place>> {
        let mut places = vec![Place::Nowhere; self.facts.len()];
        for step in &self.steps {
            for value in &step.outputs {
                places[value.index()] = match (&step.work, &self.facts[value.index()]) {
                    (Work::Kernel(_) | Work::Ahead(_), Some(fact)) => Place::Arena {
                        offset: 0,
                        bytes: bytes_of(fact)?,
                    },
                    _ => Place::Owned(value.index()),
                };
            }
        }
        for (at, id) in self.setup.body().inputs.iter().enumerate() {
            places[id.index()] = match self.call {
                Call::Outermost => Place::Input(at),
                Call::Within { .. } => Place::Owned(id.index()),
            };
        }
        let read: Vec<bool> = {
            let mut read = vec![false; self.facts.len()];
            let used = self.steps.iter().flat_map(|s| s.inputs.iter().flatten());
            for value in used.chain(&self.setup.body().outputs) {
                read[value.index()] = true;
            }
            read
        };
        for at in 0..self.facts.len() {
            let constant = self.facts[at].as_ref().and_then(|f| f.constant.as_ref());
            if let (Some(constant), true) = (constant, read[at]) {
                places[at] = Place::Constant(constant.read()?);
            }
            let lasting = self.setup.graph().values[at].is_variable;
            if let (Some(fact), Place::Nowhere, true, true) =
                (&self.facts[at], &places[at], lasting, read[at])
                && self.same_as[at] == at
            {
                let (offset, bytes) = (0, bytes_of(fact)?);
                places[at] = Place::Arena { offset, bytes };
            }
        }
        let reused = self.reused(&places);
        for (at, step) in self.steps.iter_mut().enumerate() {
            for value in step.inputs.iter().flatten().chain(&step.outputs) {
                let root = self.same_as[value.index()];
                if matches!(places[root], Place::Owned(_))
                    && last_use[root] == Some(at)
                    && !step.releases.contains(&root)
                    && (!reused.contains(&root) || matches!(step.work, Work::Effect(_)))
                {
                    step.releases.push(root);
                }
            }
        }
        Ok(places)
    }

    /// Small inputs of a graph within another that are kept to the end of a run, for outputs of the same sizes to be
    /// copied to: the next round of a loop takes them where these are.
    fn reused(&self, places: &[Place]) -> Vec<usize> {
        const SMALL: usize = 1 << 16;
        let body = self.setup.body();
        let inputs = match self.call {
            Call::Outermost => &[],
            Call::Within { .. } => &body.inputs[..],
        };
        let pairs = inputs.iter().zip(&body.outputs);
        let fits = |&(input, output): &(&ValueId, &ValueId)| {
            let (of_input, of_output) = (&self.facts[input.index()], &self.facts[output.index()]);
            let (Some(old), Some(new)) = (of_input, of_output) else {
                return false;
            };
            matches!(places[output.index()], Place::Arena { bytes, .. } if bytes <= SMALL)
                && old.dtype == new.dtype
                && old.shape == new.shape
        };
        pairs.filter(fits).map(|(input, _)| input.index()).collect()
    }

    /// Gives every value and every kernel's scratch its part of the arena.
    pub(super) fn arena(
        &mut self,
        places: &mut [Place],
        last_use: &[Option<usize>],
    ) -> Result<(usize, ArenaReport)> {
        let mut blocks = Blocks {
            of: vec![None; places.len()],
            owners: Vec::new(),
            lifetimes: Vec::new(),
        };
        let made: Vec<bool> = {
            let mut made = vec![false; places.len()];
            let outputs = self.steps.iter().flat_map(|step| &step.outputs);
            outputs.for_each(|value| made[value.index()] = true);
            made
        };
        // What no step makes is there before the first step and after the last.
        for (at, place) in places.iter().enumerate() {
            if let (&Place::Arena { bytes, .. }, false) = (place, made[at]) {
                let (first, last) = (0, self.steps.len());
                let owner = Owner::Value(ValueId(at as u32));
                blocks.of[at] = Some(blocks.add(owner, Lifetime { bytes, first, last }));
            }
        }
        for (at, step) in self.steps.iter().enumerate() {
            for (slot, value) in step.outputs.iter().enumerate() {
                let Place::Arena { bytes, .. } = places[value.index()] else {
                    continue;
                };
                let last = last_use[value.index()].unwrap_or(at);
                let taken = match slot {
                    0 => self.dying(at, bytes, &blocks),
                    _ => None,
                };
                let block = match taken {
                    Some(block) => {
                        blocks.lifetimes[block].last = last;
                        block
                    }
                    None => {
                        let first = at;
                        blocks.add(Owner::Value(*value), Lifetime { bytes, first, last })
                    }
                };
                blocks.of[value.index()] = Some(block);
            }
            if let Work::Kernel(kernel) = &step.work
                && kernel.scratch_bytes() > 0
            {
                let bytes = kernel.scratch_bytes();
                let (first, last) = (at, at);
                blocks.add(Owner::Scratch(at), Lifetime { bytes, first, last });
            }
        }
        let (offsets, size) = arena::assign(&blocks.lifetimes)?;
        for (place, block) in places.iter_mut().zip(&blocks.of) {
            if let (Place::Arena { offset, .. }, Some(block)) = (place, block) {
                *offset = offsets[*block];
            }
        }
        self.hold(&blocks, &offsets, &made);
        for at in 0..places.len() {
            let root = self.same_as[at];
            if root != at && matches!(places[at], Place::Nowhere) {
                places[at] = places[root].clone();
            }
        }
        Ok((size, self.report(&blocks, &offsets, size)))
    }

    /// Notes scratch memory and what outlives a run at their offsets.
    fn hold(&mut self, blocks: &Blocks, offsets: &[usize], made: &[bool]) {
        for ((owner, lifetime), &offset) in blocks.iter().zip(offsets) {
            let bytes = lifetime.bytes;
            match owner {
                Owner::Scratch(step) => {
                    let role = Role::Scratch;
                    self.steps[*step].pieces.push(Piece {
                        offset,
                        bytes,
                        role,
                    });
                }
                Owner::Value(value) if !made[value.index()] => {
                    let fill = self.first_byte(*value);
                    self.kept.push(Kept {
                        value: *value,
                        offset,
                        bytes,
                        fill,
                    });
                }
                Owner::Value(_) => {}
            }
        }
    }

    /// What the bytes of a variable tensor are before the first run: those of 0, or the zero point of 8-bit integers.
    fn first_byte(&self, value: ValueId) -> u8 {
        let value = self.setup.graph().value(value);
        let zero = value.quantization.as_ref().and_then(|q| q.single());
        match (value.dtype, zero) {
            (DType::Int8 | DType::UInt8, Some((_, zero))) => zero as u8,
            _ => 0,
        }
    }

    /// The block of an input of step `at` that output 0, of `bytes` bytes, may overwrite: nothing else needs it.
    fn dying(&self, at: usize, bytes: usize, blocks: &Blocks) -> Option<usize> {
        let step = &self.steps[at];
        let Work::Kernel(kernel) = &step.work else {
            return None;
        };
        let block = |slot: usize| {
            let value = (*step.inputs.get(slot)?)?;
            blocks.of[self.same_as[value.index()]]
        };
        kernel.in_place().iter().copied().find_map(|slot| {
            let wanted = block(slot)?;
            let once =
                (0..step.inputs.len()).all(|other| other == slot || block(other) != Some(wanted));
            let lifetime = &blocks.lifetimes[wanted];
            (once && bytes > 0 && lifetime.bytes == bytes && lifetime.last == at).then_some(wanted)
        })
    }

    fn report(&self, blocks: &Blocks, offsets: &[usize], bytes: usize) -> ArenaReport {
        let blocks: Vec<ArenaBlock> = blocks
            .iter()
            .zip(offsets)
            .map(|((owner, lifetime), &offset)| ArenaBlock {
                value: match owner {
                    Owner::Value(value) => Some(self.setup.graph().value(*value).name.clone()),
                    Owner::Scratch(_) => None,
                },
                offset,
                bytes: lifetime.bytes,
                first: lifetime.first,
                last: lifetime.last.min(self.steps.len().saturating_sub(1)),
            })
            .collect();
        let mut live = vec![0isize; self.steps.len() + 1];
        for block in &blocks {
            live[block.first] += block.bytes as isize;
            live[block.last + 1] -= block.bytes as isize;
        }
        let mut sum = 0;
        let peak = live
            .iter()
            .enumerate()
            .map(|(at, change)| {
                sum += change;
                (sum, std::cmp::Reverse(at))
            })
            .max();
        let peak_step = peak.map_or(0, |(_, at)| at.0);
        ArenaReport {
            bytes,
            beside: 0,
            peak_step,
            peak_node: self
                .steps
                .get(peak_step)
                .map(|s| self.setup.graph().node(s.node).name.to_string())
                .unwrap_or_default(),
            blocks,
        }
    }
}

/// What a block of the arena is for.
#[derive(Debug, Clone, Copy)]
enum Owner {
    Value(ValueId),
    /// What the kernel of this step works with.
    Scratch(usize),
}

/// The blocks of an arena to be.
struct Blocks {
    /// The block of each value.
    of: Vec<Option<usize>>,
    owners: Vec<Owner>,
    lifetimes: Vec<Lifetime>,
}

impl Blocks {
    fn add(&mut self, owner: Owner, lifetime: Lifetime) -> usize {
        self.owners.push(owner);
        self.lifetimes.push(lifetime);
        self.owners.len() - 1
    }

    fn iter(&self) -> impl Iterator<Item = (&Owner, &Lifetime)> {
        self.owners.iter().zip(&self.lifetimes)
    }
}

impl Step {
    /// Lists the pieces of the arena that the step's operands take, besides its scratch.
    pub(super) fn lay(&mut self, places: &[Place]) {
        let at = |value: &ValueId| match places[value.index()] {
            Place::Arena { offset, bytes } => Some((offset, bytes)),
            _ => None,
        };
        for (slot, output) in self.outputs.iter().enumerate() {
            if let Some((offset, bytes)) = at(output) {
                let role = Role::Output(slot);
                self.pieces.push(Piece {
                    offset,
                    bytes,
                    role,
                });
            }
        }
        let changed = match &self.work {
            Work::Kernel(kernel) => kernel.changes(),
            _ => &[],
        };
        for (order, &slot) in changed.iter().enumerate() {
            let input = self.inputs.get(slot).copied().flatten();
            if let Some((offset, bytes)) = input.as_ref().and_then(at) {
                let role = Role::Output(self.outputs.len() + order);
                self.pieces.push(Piece {
                    offset,
                    bytes,
                    role,
                });
            }
        }
        for input in self.inputs.iter().flatten() {
            let Some((offset, bytes)) = at(input) else {
                continue;
            };
            let listed = |p: &Piece| p.offset == offset && p.bytes > 0;
            if bytes > 0 && !self.pieces.iter().any(listed) {
                let role = Role::Input;
                self.pieces.push(Piece {
                    offset,
                    bytes,
                    role,
                });
            }
        }
        self.pieces.sort_by_key(|p| (p.offset, p.bytes));
    }
}

fn bytes_of(fact: &Fact) -> Result<usize> {
    fact.dtype
        .size()
        .and_then(|size| size.checked_mul(fact.shape.elements()?))
        .ok_or_else(|| {
            Error::unsupported(format!(
                "a value of {} {} has no plain memory",
                fact.dtype, fact.shape
            ))
        })
}

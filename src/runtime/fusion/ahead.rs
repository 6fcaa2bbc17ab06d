//! Products of a list's items, which a loop takes one after the other, computed for several items at once.
//!
//! A recurrent layer multiplies its input of every step with the same weights before it adds what comes from the step
//! before. A product of one row is as slow as reading the weights, one of many rows reads them once.

use crate::error::{Error, Result};
use crate::kernels::movement::gather::index;
use crate::memory::{self, AlignedBytes};
use crate::model::{DType, Node, ValueId};
use crate::ops::{self, Constant, Content, Context, Fact, Io, Kernel, Prepared, View};
use crate::runtime::execute::Run;
use crate::runtime::plan::{Builder, Call, Place, Step, Work};

/// Rows of a product at once: a loop that ends early has computed less than so many for nothing.
const ROWS: usize = 16;
/// What products that are kept may take.
const MOST_BYTES: usize = 1 << 20;

/// `FULLY_CONNECTED(GATHER(list, number), weights, …)` in a loop all of whose rounds have the same list.
///
/// The step reads what the product does, with the list in place of its item, and the number behind that.
pub struct Ahead {
    /// For a block of items.
    kernel: Box<dyn Kernel>,
    dtype: DType,
    /// Of a block, as the kernel takes it.
    sizes: Vec<usize>,
    /// Items of the list and of a block.
    count: usize,
    block: usize,
    /// Bytes of an item and of its product.
    item: usize,
    product: usize,
    /// Which input is the number.
    number: usize,
}

/// The products of a block.
pub struct Room {
    /// The first item that they are of; `None` where they are of another loop.
    first: Option<usize>,
    products: AlignedBytes,
    scratch: AlignedBytes,
}

impl Ahead {
    pub fn reads(&self, input: usize) -> bool {
        input == self.number || self.kernel.reads(input)
    }

    fn room(&self) -> Result<Room> {
        let bytes = |bytes: usize| memory::zeroed("the products of a loop", bytes);
        Ok(Room {
            first: None,
            products: bytes(self.block * self.product)?,
            scratch: bytes(self.kernel.scratch_bytes())?,
        })
    }

    /// The first of the block that is worked on for `item`: the items before it, where those behind it were the last.
    fn first(&self, item: usize, last: Option<usize>) -> usize {
        match last {
            Some(last) if item < last => (item + 1).saturating_sub(self.block),
            _ => item.min(self.count - self.block),
        }
    }
}

impl Room {
    pub fn bytes(&self) -> usize {
        self.products.as_slice().len() + self.scratch.as_slice().len()
    }

    /// Another loop begins, whose list may have other items.
    pub fn forget(&mut self) {
        self.first = None;
    }
}

impl Run<'_> {
    pub(in crate::runtime) fn ahead(
        &mut self,
        at: usize,
        step: &Step,
        ahead: &Ahead,
    ) -> Result<()> {
        let number = step.inputs[ahead.number].ok_or_else(|| missing(ahead.number))?;
        let number = self.values().view(number)?;
        let number = match number.dtype {
            DType::Int64 => number.values::<i64>()?.first().copied(),
            _ => number.values::<i32>()?.first().copied().map(i64::from),
        };
        let number = number.ok_or_else(|| missing(ahead.number))?;
        let item = index(number, ahead.count, 0)?;
        let mut room = match self.memory.ahead[at].take() {
            Some(room) => room,
            None => Box::new(ahead.room()?),
        };
        let there = |first: usize| (first..first + ahead.block).contains(&item);
        let first = match room.first.filter(|&first| there(first)) {
            Some(first) => first,
            None => {
                let first = ahead.first(item, room.first);
                self.multiply(step, ahead, first, &mut room)?;
                room.first = Some(first);
                first
            }
        };
        let from = &room.products.as_slice()[(item - first) * ahead.product..][..ahead.product];
        if let Place::Arena { offset, bytes } = self.plan.places[step.outputs[0].index()] {
            self.memory.arena_mut()[offset..offset + bytes].copy_from_slice(from);
        }
        self.memory.ahead[at] = Some(room);
        Ok(())
    }

    fn multiply(&self, step: &Step, ahead: &Ahead, first: usize, room: &mut Room) -> Result<()> {
        let values = self.values();
        let views = step.inputs[..ahead.number].iter();
        let mut views: Vec<Option<View<'_>>> = views
            .map(|value| value.map(|value| values.view(value)).transpose())
            .collect::<Result<_>>()?;
        let list = views[0].as_ref().ok_or_else(|| missing(0))?.bytes();
        let items = &list[first * ahead.item..][..ahead.block * ahead.item];
        views[0] = Some(View {
            dtype: ahead.dtype,
            shape: &ahead.sizes,
            data: Content::Bytes(items),
        });
        ahead.kernel.run(&mut Io {
            inputs: &views,
            outputs: &mut [Some(room.products.as_mut_slice())],
            threads: &self.setup.program.threads,
            scratch: room.scratch.as_mut_slice(),
        })
    }
}

fn missing(input: usize) -> Error {
    Error::unsupported(format!("input {input} is missing"))
}

impl Builder<'_> {
    /// Lets the products of a loop's body work ahead that may; once all that takes others in has done so.
    pub(in crate::runtime) fn work_ahead(&mut self) -> Result<()> {
        let Call::Within { unchanged, .. } = self.call else {
            return Ok(());
        };
        if !self.setup.program.options.fusion || !unchanged.contains(&true) {
            return Ok(());
        }
        for at in 0..self.steps.len() {
            if let Some((ahead, inputs)) = self.ahead(at, unchanged)? {
                let step = &mut self.steps[at];
                (step.work, step.inputs) = (Work::Ahead(Box::new(ahead)), inputs);
                self.fused = true;
            }
        }
        Ok(())
    }

    fn ahead(
        &self,
        at: usize,
        unchanged: &[bool],
    ) -> Result<Option<(Ahead, Vec<Option<ValueId>>)>> {
        let (setup, step) = (self.setup, &self.steps[at]);
        let graph = setup.graph();
        let node = graph.node(step.node);
        let plain = matches!(step.work, Work::Kernel(_)) && step.outputs == node.outputs;
        if !plain || &*node.op != "FULLY_CONNECTED" {
            return Ok(None);
        }
        let Some((list, number)) = self.item(step.inputs[0], unchanged) else {
            return Ok(None);
        };
        let Some((context_facts, sizes)) = self.block_facts(step, list) else {
            return Ok(None);
        };
        let (facts, [block, count, item, product]) = (context_facts, sizes);
        let node = Node {
            inputs: step.inputs.clone(),
            ..node.clone()
        };
        let context = Context {
            node: &node,
            ..setup.context(step.node, &facts)
        };
        let Some(operator) = ops::find_for(graph, &node) else {
            return Ok(None);
        };
        // Alone it was planned already: what does not go for a block is no error.
        let Ok(made) = ops::infer_in(&context) else {
            return Ok(None);
        };
        let bytes = |fact: &Fact| fact.dtype.size()?.checked_mul(fact.shape.elements()?);
        if made.first().and_then(bytes) != block.checked_mul(product) {
            return Ok(None);
        }
        let Ok(Prepared::Kernel(kernel)) = operator.ready(&context) else {
            return Ok(None);
        };
        let fact = facts[0].as_ref();
        let (Some(dtype), Some(sizes)) = (
            fact.map(|fact| fact.dtype),
            fact.and_then(|fact| fact.shape.fixed()),
        ) else {
            return Ok(None);
        };
        let mut inputs = step.inputs.clone();
        inputs[0] = Some(list);
        let number_slot = inputs.len();
        inputs.push(Some(number));
        let ahead = Ahead {
            kernel,
            dtype,
            sizes,
            count,
            block,
            item,
            product,
            number: number_slot,
        };
        Ok(Some((ahead, inputs)))
    }

    /// The list that a value is an item of, and the value that says which; the list is what every round begins with.
    fn item(&self, value: Option<ValueId>, unchanged: &[bool]) -> Option<(ValueId, ValueId)> {
        let root = |value: ValueId| self.same_as[value.index()];
        let graph = self.setup.graph();
        let gather = graph.producer(ValueId(root(value?) as u32))?;
        let (list, number) = (gather.input(0)?, gather.input(1)?);
        let along = |name: &str| gather.attrs.int(name).unwrap_or(0);
        let rows = &*gather.op == "GATHER" && along("axis") == 0 && along("batch_dims") == 0;
        let ends = self.setup.body().inputs.iter().zip(unchanged);
        let lasting = |(input, same): (&ValueId, &bool)| *same && input.index() == root(list);
        let of_number = self.facts[number.index()].as_ref()?;
        let one = of_number.shape.elements() == Some(1);
        let whole = matches!(of_number.dtype, DType::Int32 | DType::Int64);
        (rows && ends.into_iter().any(lasting) && one && whole).then_some((list, number))
    }

    /// What the product of a block reads, and its items, those of the list, and the bytes of an item and of its product.
    fn block_facts(&self, step: &Step, list: ValueId) -> Option<(Vec<Option<Fact>>, [usize; 4])> {
        let fact = |value: ValueId| self.facts[value.index()].as_ref();
        let (list, x) = (fact(list)?, fact(step.inputs[0]?)?);
        let (made, weights) = (fact(*step.outputs.first()?)?, fact(step.inputs[1]?)?);
        let (lengths, mut sizes) = (list.shape.fixed()?, x.shape.fixed()?);
        let units = *weights.shape.fixed()?.first()?;
        let (count, elements) = (*lengths.first()?, x.shape.elements()?);
        let rows = made.shape.elements()?.checked_div(units)?;
        let product = made.dtype.size()?.checked_mul(made.shape.elements()?)?;
        let item = x.dtype.size()?.checked_mul(elements)?;
        let fits =
            list.dtype == x.dtype && list.shape.elements()? == count.checked_mul(elements)?;
        let block = (ROWS.checked_div(rows)?.min(count)).min(MOST_BYTES.checked_div(product)?);
        if !fits || item == 0 || block < 2 {
            return None;
        }
        match &mut sizes[..] {
            // A row becomes rows: its only axis is what is multiplied.
            [_] => sizes.insert(0, block),
            [first, ..] => *first = first.checked_mul(block)?,
            [] => return None,
        }
        let mut facts = vec![Some(Fact::fixed(x.dtype, &sizes))];
        for &input in &step.inputs[1..] {
            facts.push(match input {
                None => None,
                // Rows of what an ADD has added are more than a row of numbers.
                Some(value) if facts.len() == 2 => Some(flat(fact(value)?.constant.as_ref()?)?),
                Some(value) => Some(Fact::constant(fact(value)?.constant.clone()?)),
            });
        }
        Some((facts, [block, count, item, product]))
    }
}

fn flat(bias: &Constant) -> Option<Fact> {
    bias.reshaped(&[bias.len()]).map(Fact::constant)
}

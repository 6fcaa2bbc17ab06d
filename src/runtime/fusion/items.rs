//! Items of a list that a loop replaces by cutting the list around them and joining the parts, which is what
//! TensorListSetItem becomes in a .tflite: written where the list lies instead.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Node, NodeId, Tensor, ValueId};
use crate::ops::{Effect, Fact, State};
use crate::runtime::plan::{Builder, Call, Step, Work};

/// `CONCATENATION(SLICE(list, 0, [at, …]), item, SLICE(list, [at + 1, 0, …], …))` along axis 0.
struct Replaced {
    list: ValueId,
    at: ValueId,
    item: ValueId,
}

/// Inputs: the list, the number of the item, the item.
struct Replace;

impl Effect for Replace {
    fn run(&self, mut inputs: Vec<Option<Arc<Tensor>>>, _: &mut State) -> Result<Vec<Arc<Tensor>>> {
        let mut take = |slot: usize| {
            let input = inputs.get_mut(slot).and_then(Option::take);
            input.ok_or_else(|| Error::unsupported(format!("input {slot} is missing")))
        };
        let (mut list, at, item) = (take(0)?, take(1)?, take(2)?);
        let count = list.shape().first().copied().unwrap_or(0);
        let number = at.number(0).unwrap_or(-1.0);
        if !(0.0..count as f64).contains(&number) {
            return Err(Error::usage(format!("item {number} of a list of {count}")));
        }
        let from = item.bytes().unwrap_or_default();
        let start = number as usize * from.len();
        // A list that others read too is copied first.
        let to = Arc::make_mut(&mut list).bytes_mut();
        match to.and_then(|bytes| bytes.get_mut(start..start + from.len())) {
            Some(to) => to.copy_from_slice(from),
            None => return Err(Error::unsupported("an item larger than its list")),
        }
        Ok(vec![list])
    }
}

impl Builder<'_> {
    /// Plans the node if it replaces an item, within another graph, whose values nobody sees; never for plain kernels.
    pub(in crate::runtime) fn replace_item(&mut self, id: NodeId) -> bool {
        if self.setup.program.options.reference {
            return false;
        }
        let (Call::Within { .. }, Some(replaced)) = (self.call, self.replaced(id)) else {
            return false;
        };
        let output = self.setup.graph().node(id).outputs[0];
        self.facts[output.index()] = self.facts[replaced.list.index()].clone();
        self.steps.push(Step {
            node: id,
            work: Work::Effect(Box::new(Replace)),
            inputs: [replaced.list, replaced.at, replaced.item]
                .map(Some)
                .to_vec(),
            outputs: vec![output],
            pieces: Vec::new(),
            releases: Vec::new(),
            macs: 0,
        });
        true
    }

    fn replaced(&self, id: NodeId) -> Option<Replaced> {
        let (before, item, after) = match self.joined(id)?[..] {
            [before, item, after] => (before, item, after),
            _ => return None,
        };
        let ([list, begin, size], [also, next, rest]) = (self.slice(before)?, self.slice(after)?);
        let (list_fact, item_fact) = (self.facts(list)?, self.facts(item)?);
        let (lengths, one) = (list_fact.shape.fixed()?, item_fact.shape.fixed()?);
        let (at, tail) = self.first_and_rest(size)?;
        let (following, zeros) = self.first_and_rest(next)?;
        let to_the_end = |sizes: &[i64]| sizes.iter().all(|&size| size == -1);
        let graph = self.setup.graph();
        let scales = |value: ValueId| &graph.value(value).quantization;
        let output = graph.node(id).outputs[0];
        let fits = list == also
            && scales(list) == scales(item)
            && scales(list) == scales(output)
            && list_fact.constant.is_none()
            && list_fact.dtype == item_fact.dtype
            && list_fact.dtype.size().is_some()
            && lengths.len() > 1
            && one.first() == Some(&1)
            && one[1..] == lengths[1..]
            && self.ints(begin)?.iter().all(|&at| at == 0)
            && to_the_end(&self.ints(rest)?)
            && to_the_end(&tail)
            && zeros.iter().all(|&at| at == 0)
            && self.follows(following, at);
        fits.then_some(Replaced { list, at, item })
    }

    /// What a CONCATENATION along axis 0 joins.
    fn joined(&self, id: NodeId) -> Option<Vec<ValueId>> {
        let node = self.setup.graph().node(id);
        let axis = node.attrs.int("axis").unwrap_or(0);
        let inputs: Option<Vec<ValueId>> = node.inputs.iter().copied().collect();
        inputs.filter(|_| &*node.op == "CONCATENATION" && axis == 0 && !activates(node))
    }

    fn slice(&self, value: ValueId) -> Option<[ValueId; 3]> {
        let node = self.setup.graph().producer(value)?;
        let input = |slot: usize| node.input(slot);
        (&*node.op == "SLICE").then_some([input(0)?, input(1)?, input(2)?])
    }

    /// A list of integers that is one number of the run before known ones: the value with that number, and those.
    fn first_and_rest(&self, value: ValueId) -> Option<(ValueId, Vec<i64>)> {
        let (id, _) = self.setup.graph().value(value).producer?;
        match self.joined(id)?[..] {
            [first, rest] => Some((self.number(first)?, self.ints(rest)?)),
            _ => None,
        }
    }

    /// The value whose bytes it is, if that is one element.
    fn number(&self, value: ValueId) -> Option<ValueId> {
        let single = self.facts(value)?.shape.fixed()?.iter().product::<usize>() == 1;
        single.then_some(ValueId(self.same_as[value.index()] as u32))
    }

    /// Whether `next` is `at` and one.
    fn follows(&self, next: ValueId, at: ValueId) -> bool {
        let Some(node) = self.setup.graph().producer(next) else {
            return false;
        };
        let terms = node.inputs.iter().flatten();
        let (known, open): (Vec<ValueId>, Vec<ValueId>) =
            terms.partition(|&&term| self.ints(term).is_some());
        let one = |&value: &ValueId| self.ints(value).as_deref() == Some(&[1]);
        &*node.op == "ADD"
            && !activates(node)
            && known.len() == 1
            && known.iter().all(one)
            && open.len() == 1
            && self.number(open[0]) == Some(at)
    }

    fn facts(&self, value: ValueId) -> Option<&Fact> {
        self.facts[value.index()].as_ref()
    }

    fn ints(&self, value: ValueId) -> Option<Vec<i64>> {
        let constant = self.facts(value)?.constant.as_ref()?;
        let small = Some(constant).filter(|constant| constant.len() <= 8)?;
        let tensor = small.read().ok()?;
        (0..tensor.len())
            .map(|i| tensor.number(i).map(|n| n as i64))
            .collect()
    }
}

fn activates(node: &Node) -> bool {
    node.attrs.int("fused_activation_function").unwrap_or(0) != 0
}

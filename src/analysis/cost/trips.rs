//! How often a loop runs, where its counter tells.

use crate::model::{Graph, Node, ValueId};
use crate::ops::Fact;

/// Turns of a loop that counts from one constant to another: `while i < n { …; i += step }`, conditions joined by "and"
/// taken at their least. `None` where the data decide.
pub fn count(test: &Graph, step: &Graph, inputs: &[Option<Fact>]) -> Option<u64> {
    let condition = (*test.outputs.first()?)?;
    let mut least: Option<u64> = None;
    let mut stack = vec![condition];
    // Enough for any condition that a person writes.
    for _ in 0..64 {
        let Some(value) = stack.pop() else {
            return least;
        };
        let Some(node) = behind(test, value) else {
            continue;
        };
        let turns = match &*node.op {
            "LogicalAnd" | "LOGICAL_AND" => {
                stack.extend(node.inputs.iter().flatten());
                continue;
            }
            "Less" | "LESS" => turns(test, step, inputs, (node.input(0)?, node.input(1)?)),
            "Greater" | "GREATER" => turns(test, step, inputs, (node.input(1)?, node.input(0)?)),
            _ => None,
        };
        if let Some(turns) = turns {
            least = Some(least.map_or(turns, |n| n.min(turns)));
        }
    }
    None
}

/// Whether a turn hands on argument `slot` as it came.
pub fn stays(step: &Graph, slot: usize) -> bool {
    let (Some(Some(argument)), Some(Some(result))) =
        (step.inputs.get(slot), step.outputs.get(slot))
    else {
        return false;
    };
    source(step, *result) == *argument
}

fn turns(
    test: &Graph,
    step: &Graph,
    inputs: &[Option<Fact>],
    (counter, limit): (ValueId, ValueId),
) -> Option<u64> {
    let slot = argument(test, counter)?;
    let from = whole(inputs.get(slot)?.as_ref()?)?;
    let limit = match argument(test, limit) {
        Some(slot) if stays(step, slot) => whole(inputs.get(slot)?.as_ref()?)?,
        Some(_) => return None,
        None => constant(test, limit)?,
    };
    let result = (*step.outputs.get(slot)?)?;
    let node = behind(step, result)?;
    if !matches!(&*node.op, "Add" | "AddV2" | "ADD") {
        return None;
    }
    let (a, b) = (node.input(0)?, node.input(1)?);
    let by = match (
        argument(step, a) == Some(slot),
        argument(step, b) == Some(slot),
    ) {
        (true, _) => constant(step, b)?,
        (_, true) => constant(step, a)?,
        _ => return None,
    };
    let span = u64::try_from(limit.checked_sub(from)?).unwrap_or(0);
    span.checked_add(u64::try_from(by).ok()?.checked_sub(1)?)?
        .checked_div(u64::try_from(by).ok()?)
}

/// The value behind copies of it.
fn source(graph: &Graph, mut value: ValueId) -> ValueId {
    for _ in 0..64 {
        match graph.producer(value) {
            Some(node) if &*node.op == "Identity" => match node.input(0) {
                Some(before) => value = before,
                None => break,
            },
            _ => break,
        }
    }
    value
}

fn behind(graph: &Graph, value: ValueId) -> Option<&Node> {
    graph.producer(source(graph, value))
}

/// Which argument of the graph a value is.
fn argument(graph: &Graph, value: ValueId) -> Option<usize> {
    let value = source(graph, value);
    graph.inputs.iter().position(|input| *input == Some(value))
}

fn constant(graph: &Graph, value: ValueId) -> Option<i64> {
    let value = graph.value(source(graph, value));
    if value.stored_shape.elements() != Some(1) {
        return None;
    }
    value.read()?.ok()?.number(0).map(|n| n as i64)
}

fn whole(fact: &Fact) -> Option<i64> {
    let constant = fact.constant.as_ref().filter(|c| c.len() == 1)?;
    constant.read().ok()?.number(0).map(|n| n as i64)
}

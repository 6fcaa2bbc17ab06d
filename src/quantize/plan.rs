//! Which operators of a graph quantize, and the scale and zero point of every value between them.

use super::ranges::{self, Params, Range};
use crate::error::Result;
use crate::model::{DType, Graph, Node, NodeId, ValueId};
use crate::ops::quantize::{Rule, Scales, Width, rule};
use crate::ops::weights::weighted;

/// What a rewrite needs to know.
pub struct Plan {
    /// By node; `None` stays float.
    pub rules: Vec<Option<Rule>>,
    /// By value: parameters of float values that some quantized operator takes or makes.
    params: Vec<Option<Params>>,
}

impl Plan {
    pub fn params(&self, value: ValueId) -> Option<Params> {
        self.params.get(value.index()).copied().flatten()
    }
}

/// `chosen` says by node which ones may quantize; the others stay float.
pub fn plan(
    graph: &Graph,
    seen: &[Option<Range>],
    width: Width,
    chosen: impl Fn(NodeId) -> bool,
) -> Result<Plan> {
    let ranges = Ranges { graph, seen };
    let mut rules: Vec<Option<Rule>> = graph
        .node_ids()
        .map(|id| {
            let node = graph.node(id);
            rule(&node.op, width)
                .filter(|rule| chosen(id) && can_quantize(graph, node, rule, &ranges))
        })
        .collect();
    keep_useful(graph, &mut rules);
    let mut groups = Groups::new(graph.values.len());
    fix(graph, &rules, &mut groups);
    join(graph, &rules, &mut groups);
    let params = parameters(graph, &rules, &mut groups, &ranges, width)?;
    Ok(Plan { rules, params })
}

/// Ranges that calibration saw, and those of constants.
struct Ranges<'a> {
    graph: &'a Graph,
    seen: &'a [Option<Range>],
}

impl Ranges<'_> {
    fn of(&self, value: ValueId) -> Option<Range> {
        let stored = self.graph.value(value);
        if stored.data.is_some() {
            let tensor = stored.read()?.ok()?;
            return tensor.values::<f32>().map(Range::of);
        }
        self.seen.get(value.index()).copied().flatten()
    }

    fn known(&self, value: ValueId) -> bool {
        self.graph.value(value).data.is_some()
            || self.seen.get(value.index()).is_some_and(Option::is_some)
    }
}

/// Data operands of a node, with their numbers.
pub fn data_operands<'a>(
    node: &'a Node,
    rule: &'a Rule,
) -> impl Iterator<Item = (usize, ValueId)> + 'a {
    node.inputs
        .iter()
        .enumerate()
        .filter(|(i, _)| rule.is_data(*i))
        .filter_map(|(i, v)| Some((i, (*v)?)))
}

fn can_quantize(graph: &Graph, node: &Node, rule: &Rule, ranges: &Ranges<'_>) -> bool {
    let float = |v: ValueId| graph.value(v).dtype == DType::Float32;
    let operands = data_operands(node, rule).all(|(_, v)| float(v) && ranges.known(v));
    let constant = |operand: usize| {
        node.input(operand)
            .is_none_or(|v| graph.value(v).data.is_some() && float(v))
    };
    let weights = match (rule.scales, weighted(&node.op)) {
        (Scales::Weighted, Some(place)) => constant(place.weights) && constant(place.bias),
        (Scales::Weighted, None) => false,
        _ => true,
    };
    let results = rule.scales == Scales::InputsOnly
        || float_results(graph, node)
            .all(|v| matches!(rule.scales, Scales::Fixed(..)) || ranges.known(v));
    let some = data_operands(node, rule).any(|(_, v)| graph.value(v).data.is_none())
        || rule.scales == Scales::Same;
    operands && weights && results && some
}

/// Results that carry real numbers.
pub fn float_results<'a>(graph: &'a Graph, node: &'a Node) -> impl Iterator<Item = ValueId> + 'a {
    node.outputs
        .iter()
        .copied()
        .filter(|&v| graph.value(v).dtype == DType::Float32)
}

/// Operators that only move data are worth it beside one that computes, or with a constant of some size; and where there
/// are no others.
fn keep_useful(graph: &Graph, rules: &mut [Option<Rule>]) {
    const LARGE: usize = 1024;
    let same = |rule: &Option<Rule>| matches!(rule, Some(r) if r.scales == Scales::Same);
    let large = |node: &Node, rule: &Rule| {
        data_operands(node, rule).any(|(_, v)| {
            let value = graph.value(v);
            value.data.is_some() && value.shape.elements().is_some_and(|n| n >= LARGE)
        })
    };
    let mut useful: Vec<bool> = graph
        .nodes
        .iter()
        .zip(rules.iter())
        .map(|(node, rule)| match rule {
            Some(r) => !same(rule) || large(node, r),
            None => false,
        })
        .collect();
    // Where nothing computes, integers were asked for all the same.
    if !useful.contains(&true) {
        return;
    }
    let consumers = graph.consumers();
    let mut stack: Vec<NodeId> = graph.node_ids().filter(|id| useful[id.index()]).collect();
    while let Some(id) = stack.pop() {
        let node = graph.node(id);
        let before = node
            .inputs
            .iter()
            .flatten()
            .filter_map(|&v| graph.value(v).producer.map(|(p, _)| p));
        let after = node
            .outputs
            .iter()
            .flat_map(|v| consumers[v.index()].iter().copied());
        for next in before.chain(after) {
            if !useful[next.index()] && same(&rules[next.index()]) {
                useful[next.index()] = true;
                stack.push(next);
            }
        }
    }
    for (rule, useful) in rules.iter_mut().zip(useful) {
        if !useful {
            *rule = None;
        }
    }
}

/// Values that share parameters.
struct Groups {
    parent: Vec<u32>,
    fixed: Vec<Option<Params>>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Groups {
            parent: (0..count as u32).collect(),
            fixed: vec![None; count],
        }
    }

    fn root(&mut self, value: ValueId) -> usize {
        let mut at = value.index();
        while self.parent[at] as usize != at {
            let up = self.parent[at] as usize;
            self.parent[at] = self.parent[up];
            at = up;
        }
        at
    }

    fn fixed(&mut self, value: ValueId) -> Option<Params> {
        let root = self.root(value);
        self.fixed[root]
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.parent[b] = a as u32;
            self.fixed[a] = self.fixed[a].or(self.fixed[b]);
        }
    }
}

fn fix(graph: &Graph, rules: &[Option<Rule>], groups: &mut Groups) {
    for (node, rule) in graph.nodes.iter().zip(rules) {
        if let Some(Rule {
            scales: Scales::Fixed(scale, zero_point),
            ..
        }) = rule
        {
            for value in float_results(graph, node) {
                let root = groups.root(value);
                groups.fixed[root] = Some(Params {
                    scale: *scale,
                    zero_point: *zero_point,
                });
            }
        }
    }
}

/// Operators with one data operand hand on what they get; those with several meet in one group, except for operands
/// whose producer fixes other parameters: these are requantized on their way.
fn join(graph: &Graph, rules: &[Option<Rule>], groups: &mut Groups) {
    let same = || {
        graph.nodes.iter().zip(rules).filter_map(|(node, rule)| {
            rule.as_ref()
                .filter(|r| r.scales == Scales::Same)
                .map(|r| (node, r))
        })
    };
    for (node, rule) in same() {
        let operands: Vec<ValueId> = data_operands(node, rule).map(|(_, v)| v).collect();
        if let [only] = *operands {
            for result in float_results(graph, node) {
                groups.join(only, result);
            }
        }
    }
    for (node, rule) in same() {
        let operands: Vec<ValueId> = data_operands(node, rule).map(|(_, v)| v).collect();
        if operands.len() < 2 {
            continue;
        }
        for result in float_results(graph, node) {
            for &operand in &operands {
                if groups.fixed(operand).is_none() && graph.value(operand).data.is_none() {
                    groups.join(result, operand);
                }
            }
        }
    }
}

fn parameters(
    graph: &Graph,
    rules: &[Option<Rule>],
    groups: &mut Groups,
    ranges: &Ranges<'_>,
    width: Width,
) -> Result<Vec<Option<Params>>> {
    let mut touched = vec![false; graph.values.len()];
    // Constants that meet a group's values widen its range.
    let mut group_ranges: Vec<Option<Range>> = vec![None; graph.values.len()];
    let mut widen = |root: usize, range: Option<Range>| {
        if let Some(range) = range {
            let slot = &mut group_ranges[root];
            *slot = Some(slot.map_or(range, |r| r.union(range)));
        }
    };
    for (node, rule) in graph.nodes.iter().zip(rules) {
        let Some(rule) = rule else {
            continue;
        };
        for (_, value) in data_operands(node, rule) {
            let constant = graph.value(value).data.is_some();
            if constant && rule.scales != Scales::Same {
                continue;
            }
            let of = if constant {
                float_results(graph, node).next().unwrap_or(value)
            } else {
                value
            };
            widen(groups.root(of), ranges.of(value));
            touched[value.index()] |= !constant;
        }
        if rule.scales != Scales::InputsOnly {
            for value in float_results(graph, node) {
                widen(groups.root(value), ranges.of(value));
                touched[value.index()] = true;
            }
        }
    }
    let params = graph.value_ids().map(|value| {
        let root = groups.root(value);
        touched[value.index()]
            .then(|| {
                groups.fixed[root]
                    .or_else(|| group_ranges[root].map(|r| ranges::activation(r, width)))
            })
            .flatten()
    });
    Ok(params.collect())
}

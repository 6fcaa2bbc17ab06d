//! Which inner value of one model is which of the other.
//!
//! Two values may mean the same when they have equally many elements in the same or in the other layout (channels
//! first, channels last). Of these, the pair that agrees best on the same input comes first; equal names, kinds of
//! operators and places in the order of execution decide between pairs that agree alike. A fused operator is so found
//! beside the last of the operators it stands for, from either side. What quantization damaged beyond likeness is
//! found last, as what stands between the same neighbours.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::flow::{Flow, hands_on};
use super::names;
use super::outputs::Difference;
use crate::model::{NodeId, Tensor, ValueId};
use crate::ops;
use crate::sort;

/// Elements looked at when two values are held beside each other.
const SAMPLE: usize = 2048;
/// Values of one side that one of the other is held beside.
const WINDOW: usize = 96;
/// From here on likeness says nothing more, in dB: float32 sums in another order differ by more.
const ALIKE_DB: f64 = 60.0;
/// Values less alike than this are no pair unless their neighbours are.
const UNLIKE_DB: f64 = 6.0;
/// Values that have nothing to do with each other come to -3 dB; what is below that is turned round, which no rounding
/// does.
const OPPOSED_DB: f64 = -4.0;
/// What other evidence is worth, in dB.
const NAME_DB: f64 = 10.0;
const KIND_DB: f64 = 0.5;
const PLACE_DB: f64 = 6.0;

/// A value that a run left behind, as real numbers.
pub(super) struct Kept {
    pub id: ValueId,
    pub node: NodeId,
    pub real: Tensor,
}

impl Kept {
    /// Whether the value can be one half of a pair: real numbers that depend on the inputs and that no operator merely
    /// handed on.
    pub fn counts(&self, flow: &Flow<'_>) -> bool {
        let op = &flow.graph.node(self.node).op;
        flow.is_fed(self.node)
            && !hands_on(op)
            && self.real.dtype().is_float()
            && !self.real.is_empty()
    }
}

/// Where the elements of A's value lie in the order of B's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Same,
    /// Batch, `channels`, `space` elements in A; batch, space, channels in B.
    FirstToLast {
        channels: usize,
        space: usize,
    },
    /// The other way round.
    LastToFirst {
        channels: usize,
        space: usize,
    },
}

impl Order {
    /// All that bring a shape of A to one of B.
    fn between(a: &[usize], b: &[usize]) -> Vec<Order> {
        let long =
            |dims: &[usize]| -> Vec<usize> { dims.iter().copied().filter(|&d| d != 1).collect() };
        let mut found = Vec::new();
        if long(a) == long(b) {
            found.push(Order::Same);
        }
        if let ([batch, c, space @ ..], [of_b, rest @ ..]) = (a, b)
            && a.len() == b.len()
            && !space.is_empty()
            && batch == of_b
        {
            let size = |space: &[usize]| space.iter().product();
            if rest.split_last() == Some((c, space)) {
                let (channels, space) = (*c, size(space));
                found.push(Order::FirstToLast { channels, space });
            }
            if let ([channels, space @ ..], Some((last, of_a))) = (rest, a[1..].split_last())
                && (channels, space) == (last, of_a)
            {
                let (channels, space) = (*channels, size(space));
                found.push(Order::LastToFirst { channels, space });
            }
        }
        found
    }

    /// The index in A of element `at` of B.
    fn source(self, at: usize) -> usize {
        // Two axes exchanged within each batch: `outer` by `inner` in B, `inner` by `outer` in A.
        let (outer, inner) = match self {
            Order::Same => return at,
            Order::FirstToLast { channels, space } => (space, channels),
            Order::LastToFirst { channels, space } => (channels, space),
        };
        let (batch, rest) = (at / (outer * inner), at % (outer * inner));
        batch * outer * inner + rest % inner * outer + rest / inner
    }

    /// Adds all of two values.
    pub fn add(self, a: &Tensor, b: &Tensor, sum: &mut Difference) {
        let (a, b) = (a.numbers(), b.numbers());
        if self == Order::Same {
            sum.add_numbers(&a, &b);
        } else if a.len() == b.len() {
            let moved: Vec<f64> = (0..b.len()).map(|at| a[self.source(at)]).collect();
            sum.add_numbers(&moved, &b);
        }
    }
}

/// Indices of two kept values that mean the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairing {
    pub a: usize,
    pub b: usize,
    pub order: Order,
}

/// What one side left of a run.
pub(super) struct Trace<'f, 'm> {
    pub flow: &'f Flow<'m>,
    /// In order of execution, those that [count](Kept::counts).
    pub kept: &'f [Kept],
}

/// A pair that may be one, and what speaks for it.
struct Candidate {
    pairing: Pairing,
    /// `None` for values that are nothing but zeros.
    likeness: Option<f64>,
    named: bool,
    score: f64,
}

/// Pairs in B's order of execution; no value is in two. `inputs`: for each input of A the index of B's.
pub(super) fn pairs(a: &Trace<'_, '_>, b: &Trace<'_, '_>, inputs: &[usize]) -> Vec<Pairing> {
    let candidates = candidates(a, b);
    let ways = Ways::of(a).zip(Ways::of(b));
    let mut matched = Matched {
        of_a: vec![None; a.kept.len()],
        of_b: vec![None; b.kept.len()],
    };
    for candidate in &candidates {
        let alike = candidate.likeness.is_some_and(|db| db >= UNLIKE_DB);
        if alike
            && matched.is_free(candidate.pairing)
            && !matched.crosses(candidate.pairing, ways.as_ref())
        {
            matched.join(candidate.pairing);
        }
    }
    matched.neighbours(a, b, inputs, candidates, ways.as_ref());
    matched.of_b.into_iter().flatten().collect()
}

/// Every pair of values of the same size, the likeliest first.
fn candidates(a: &Trace<'_, '_>, b: &Trace<'_, '_>) -> Vec<Candidate> {
    let mut by_size: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, kept) in a.kept.iter().enumerate() {
        by_size.entry(kept.real.len()).or_default().push(at);
    }
    let place = |at: usize, of: usize| at as f64 / of.max(1) as f64;
    let (of_a, of_b) = (told(a), told(b));
    let mut found = Vec::new();
    for (at_b, kept_b) in b.kept.iter().enumerate() {
        let here = place(at_b, b.kept.len());
        let Some(near) = by_size.get(&kept_b.real.len()) else {
            continue;
        };
        let middle = near.partition_point(|&at| place(at, a.kept.len()) < here);
        let from = middle.saturating_sub(WINDOW / 2);
        for &at_a in near.iter().skip(from).take(WINDOW) {
            let away = (place(at_a, a.kept.len()) - here).abs();
            let kept_a = &a.kept[at_a];
            for order in Order::between(kept_a.real.shape(), kept_b.real.shape()) {
                let likeness = likeness(&kept_a.real, &kept_b.real, order);
                let named = !of_a[at_a].0.is_disjoint(&of_b[at_b].0);
                let same_kind = of_a[at_a].1 == of_b[at_b].1;
                let worth = |is: bool, db: f64| if is { db } else { 0.0 };
                found.push(Candidate {
                    pairing: Pairing {
                        a: at_a,
                        b: at_b,
                        order,
                    },
                    likeness,
                    named,
                    score: likeness.unwrap_or(0.0).clamp(-ALIKE_DB, ALIKE_DB)
                        + worth(named, NAME_DB)
                        + worth(same_kind, KIND_DB)
                        - away * PLACE_DB,
                });
            }
        }
    }
    // Of equals the later: what a fused operator hands on is what the last of its parts made.
    sort::by(&mut found, |x, y| {
        let at = |c: &Candidate| (c.pairing.a + c.pairing.b, c.pairing.b);
        y.score.total_cmp(&x.score).then_with(|| at(y).cmp(&at(x)))
    });
    found
}

/// The names behind each value, and the kind of its operator.
fn told<'f>(trace: &Trace<'f, '_>) -> Vec<(HashSet<&'f str>, ops::Family)> {
    let flow = trace.flow;
    let of = |kept: &Kept| {
        let name: &'f str = &flow.graph.value(kept.id).name;
        let family = ops::family(flow.dialect(), flow.graph.node(kept.node).op_label());
        (names::origins(name).collect(), family)
    };
    trace.kept.iter().map(of).collect()
}

fn likeness(a: &Tensor, b: &Tensor, order: Order) -> Option<f64> {
    let mut sum = Difference::default();
    // An odd step meets every channel.
    let step = (b.len() / SAMPLE).max(1) | 1;
    for at in (0..b.len()).step_by(step) {
        let (x, y) = (a.number(order.source(at)), b.number(at));
        sum.pair(x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN));
    }
    sum.likeness_db()
}

/// Values of a side up to which it is known what leads where: a bit for each two of them.
const MOST_WAYS: usize = 8_192;

/// Which kept values of a side another is made from.
struct Ways {
    /// A row of `words` words for each value, with a bit for each that leads to it.
    bits: Vec<u64>,
    words: usize,
}

impl Ways {
    /// `None` where there are too many values.
    fn of(trace: &Trace<'_, '_>) -> Option<Ways> {
        let count = trace.kept.len();
        if count > MOST_WAYS {
            return None;
        }
        let (flow, words) = (trace.flow, count.div_ceil(64));
        let index = by_value(trace);
        let mut bits = vec![0; count * words];
        // What leads to each value of the graph, where that is known by now.
        let mut before: HashMap<ValueId, Vec<u64>> = HashMap::new();
        for &id in flow.order.iter().filter(|&&id| flow.is_fed(id)) {
            let node = flow.graph.node(id);
            let mut all = vec![0u64; words];
            for input in node.inputs.iter().flatten() {
                for (to, from) in all.iter_mut().zip(before.get(input).into_iter().flatten()) {
                    *to |= from;
                }
                if let Some(&at) = index.get(input) {
                    all[at / 64] |= 1 << (at % 64);
                }
            }
            for output in &node.outputs {
                if let Some(&at) = index.get(output) {
                    bits[at * words..][..words].copy_from_slice(&all);
                }
                before.insert(*output, all.clone());
            }
        }
        Some(Ways { bits, words })
    }

    /// Whether value `to` is made from value `from`.
    fn leads(&self, from: usize, to: usize) -> bool {
        self.bits[to * self.words + from / 64] >> (from % 64) & 1 == 1
    }
}

/// For each kept value of a side the pair it is in.
struct Matched {
    of_a: Vec<Option<Pairing>>,
    of_b: Vec<Option<Pairing>>,
}

impl Matched {
    fn is_free(&self, pairing: Pairing) -> bool {
        self.of_a[pairing.a].is_none() && self.of_b[pairing.b].is_none()
    }

    fn join(&mut self, pairing: Pairing) {
        self.of_a[pairing.a] = Some(pairing);
        self.of_b[pairing.b] = Some(pairing);
    }

    /// Whether what comes before a pair in one model comes after it in the other.
    fn crosses(&self, new: Pairing, ways: Option<&(Ways, Ways)>) -> bool {
        let Some((a, b)) = ways else { return false };
        self.of_b.iter().flatten().any(|old| {
            a.leads(old.a, new.a) && b.leads(new.b, old.b)
                || a.leads(new.a, old.a) && b.leads(old.b, new.b)
        })
    }

    /// Joins what is left where both halves come from the same pairs and names or kinds of operators agree.
    fn neighbours(
        &mut self,
        a: &Trace<'_, '_>,
        b: &Trace<'_, '_>,
        inputs: &[usize],
        candidates: Vec<Candidate>,
        ways: Option<&(Ways, Ways)>,
    ) {
        let mut left: HashMap<usize, Vec<Candidate>> = HashMap::new();
        for candidate in candidates {
            if self.is_free(candidate.pairing) {
                left.entry(candidate.pairing.b).or_default().push(candidate);
            }
        }
        let (index_a, index_b) = (by_value(a), by_value(b));
        // The pair of an input of A and its like in B goes by B's index.
        let input_a = |at: usize| inputs.get(at).copied();
        for at_b in 0..b.kept.len() {
            let Some(possible) = left.remove(&at_b) else {
                continue;
            };
            let (before_b, part_b) = sources(b, &index_b, at_b, |at| self.of_b[at], Some);
            let found = possible.into_iter().find(|c| {
                let opposed = c.likeness.is_some_and(|db| db < OPPOSED_DB);
                if opposed || !self.is_free(c.pairing) || self.crosses(c.pairing, ways) {
                    return false;
                }
                let of_a = |at: usize| self.of_a[at];
                let (before_a, part_a) = sources(a, &index_a, c.pairing.a, of_a, input_a);
                // A fused operator is one of those that it stands for.
                let (last_a, last_b) = (a.kept[c.pairing.a].node, b.kept[at_b].node);
                let does = |x: NodeId, y: NodeId| alike_ops(a.flow, x, b.flow, y);
                let same = does(last_a, last_b)
                    || c.named
                        && (part_a.iter().any(|&x| does(x, last_b))
                            || part_b.iter().any(|&y| does(last_a, y)));
                same && before_a == before_b
            });
            if let Some(found) = found {
                self.join(found.pairing);
            }
        }
    }
}

fn by_value(trace: &Trace<'_, '_>) -> HashMap<ValueId, usize> {
    let kept = trace.kept.iter().enumerate();
    kept.map(|(at, kept)| (kept.id, at)).collect()
}

/// What a value was made from: an input of the model, or the pair with this index in B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Input(usize),
    Pair(usize),
}

/// The nearest pairs and inputs before kept value `at`, and the operators between.
fn sources(
    trace: &Trace<'_, '_>,
    index: &HashMap<ValueId, usize>,
    at: usize,
    pair: impl Fn(usize) -> Option<Pairing>,
    input: impl Fn(usize) -> Option<usize>,
) -> (BTreeSet<Source>, HashSet<NodeId>) {
    let flow = trace.flow;
    let mut found = BTreeSet::new();
    let (mut seen, mut stack) = (HashSet::new(), vec![trace.kept[at].node]);
    while let Some(node) = stack.pop() {
        for &value in flow.graph.node(node).inputs.iter().flatten() {
            let inputs = &flow.graph.inputs;
            if let Some(number) = inputs.iter().position(|i| *i == Some(value)) {
                found.extend(input(number).map(Source::Input));
            } else if let Some(pair) = index.get(&value).and_then(|&at| pair(at)) {
                found.insert(Source::Pair(pair.b));
            } else if let Some(before) = flow.producer(value)
                && flow.is_fed(before)
                && seen.insert(before)
            {
                stack.push(before);
            }
        }
    }
    (found, seen)
}

/// Whether two operators do the same kind of work; of elementwise ones, the same work: `AddV2` and `ADD`.
fn alike_ops(a: &Flow<'_>, x: NodeId, b: &Flow<'_>, y: NodeId) -> bool {
    let (op_a, op_b) = (a.graph.node(x).op_label(), b.graph.node(y).op_label());
    let family = ops::family(a.dialect(), op_a);
    if family != ops::family(b.dialect(), op_b) {
        return false;
    }
    let plain = |op: &str| op.replace('_', "").to_ascii_lowercase();
    let (plain_a, plain_b) = (plain(op_a), plain(op_b));
    family != ops::Family::Elementwise || plain_a.contains(&plain_b) || plain_b.contains(&plain_a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_first_and_last_are_brought_together() {
        // Batch 2, 3 channels, 2 × 2.
        let (a, b) = ([2, 3, 2, 2], [2, 2, 2, 3]);
        let to_last = Order::FirstToLast {
            channels: 3,
            space: 4,
        };
        let to_first = Order::LastToFirst {
            channels: 3,
            space: 4,
        };
        assert_eq!(Order::between(&a, &b), [to_last]);
        assert_eq!(Order::between(&b, &a), [to_first]);
        assert_eq!(Order::between(&a, &[2, 3, 4]), []);
        assert_eq!(Order::between(&[1, 8], &[8, 1, 1]), [Order::Same]);
        let first: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let last: Vec<f32> = (0..24).map(|at| first[to_last.source(at)]).collect();
        assert_eq!(last[..4], [0.0, 4.0, 8.0, 1.0]);
        let back: Vec<f32> = (0..24).map(|at| last[to_first.source(at)]).collect();
        assert_eq!(back, first);
        let (first, last) = (
            Tensor::from_values(&a, &first),
            Tensor::from_values(&b, &last),
        );
        let mut sum = Difference::default();
        to_last.add(&first, &last, &mut sum);
        assert_eq!((sum.max_abs(), sum.sqnr_db()), (0.0, f64::INFINITY));
        assert_eq!(likeness(&last, &first, to_first), Some(f64::INFINITY));
    }
}

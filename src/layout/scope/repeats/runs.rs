//! Equal blocks that follow one another in a row of siblings.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::survey::{Source, Survey};
use crate::layout::scope::Item;
use crate::model::{Graph, ValueId};
use crate::ops::{Family, family};
use crate::sort;

/// Fewer equal blocks stay as they are.
pub(super) const LEAST_TIMES: usize = 3;
/// The same for single operators: three of them are seen at a glance.
const LEAST_SINGLE: usize = 4;
/// Later siblings of the same kind that are tried as the beginning of the second block.
const TRIED: usize = 24;
/// Siblings that are tried as the first of a block.
const STARTS: usize = 64;
/// Comparisons per sibling before the search gives up: only made-up graphs need them all.
const STEPS: usize = 256;

/// Equal blocks among siblings: `times` of them, `period` siblings each, from the one at `from` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) period: usize,
    times: usize,
}

impl Run {
    pub(super) fn end(&self) -> usize {
        self.from + self.period * self.times
    }
}

/// A source as the search sees it: the place of a sibling among those in the row, or one value for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Taken {
    At(usize, u32),
    Else(ValueId),
}

/// Siblings in the order in which data flows.
pub(super) struct Siblings {
    keys: Vec<u64>,
    taken: Vec<Vec<Taken>>,
    /// The last one that takes from each.
    takers: Vec<Option<usize>>,
    /// Whether a block may well begin with it.
    begins: Vec<bool>,
    single: Vec<bool>,
}

impl Siblings {
    pub(super) fn new(graph: &Graph, survey: &Survey, order: &[Item]) -> Siblings {
        // Of each place among all siblings, where that one stands in `order`.
        let placed = order.iter().map(|item| survey.place(*item));
        let placed: Vec<usize> = placed.flatten().map(|place| place as usize).collect();
        let mut places = vec![None; placed.iter().max().map_or(0, |last| last + 1)];
        for (at, place) in placed.into_iter().enumerate() {
            places[place] = Some(at);
        }
        let place = |item: Item| *places.get(survey.place(item)? as usize)?;
        let slots: Vec<usize> = order.iter().filter_map(|i| survey.slot(*i)).collect();
        let taken = |slot: &usize| -> Vec<Taken> {
            let found = survey.sources[*slot].iter().map(|source| match *source {
                Source::Sibling(from, value) => match place(from) {
                    Some(at) => Taken::At(at, survey.ports[value.index()]),
                    None => Taken::Else(value),
                },
                Source::Outside(value) => Taken::Else(value),
            });
            found.collect()
        };
        let begins = |item: &Item| match item {
            Item::Node(id) => {
                let op = &graph.node(*id).op;
                matches!(family(graph.dialect, op), Family::Conv | Family::MatMul)
            }
            _ => true,
        };
        let taken: Vec<Vec<Taken>> = slots.iter().map(taken).collect();
        let mut takers = vec![None; slots.len()];
        for (at, taken) in taken.iter().enumerate() {
            for source in taken {
                if let Taken::At(source, _) = *source {
                    takers[source] = Some(at);
                }
            }
        }
        Siblings {
            keys: slots.iter().map(|slot| survey.kinds[*slot]).collect(),
            taken,
            takers,
            begins: order.iter().map(begins).collect(),
            single: order.iter().map(|i| matches!(i, Item::Node(_))).collect(),
        }
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a sibling is the same as the one a period further on: each source stands a period further on too, or
    /// is one that both take from.
    fn same(&self, at: usize, period: usize) -> bool {
        let next = at + period;
        next < self.len()
            && self.keys[at] == self.keys[next]
            && self.taken[at].len() == self.taken[next].len()
            && self.taken[at]
                .iter()
                .zip(&self.taken[next])
                .all(|pair| match pair {
                    (Taken::At(a, out), Taken::At(b, other)) => {
                        out == other && (a == b || *b == a + period)
                    }
                    (a, b) => a == b,
                })
    }

    /// All runs, none of which overlap.
    pub(super) fn runs(&self, longest: usize) -> Vec<Run> {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, key) in self.keys.iter().enumerate() {
            places.entry(*key).or_default().push(at);
        }
        // Of each period where the last stretch of equals that was walked ends.
        let longest = longest.min(self.len());
        let mut ends = vec![0; longest + 1];
        let mut steps = STEPS * self.len();
        let mut found = Vec::new();
        let (mut at, mut free) = (0, 0);
        while at < self.len() && steps > 0 {
            let same = &places[&self.keys[at]];
            let rank = same.partition_point(|other| *other <= at);
            let mut stretches: Vec<(usize, usize)> = Vec::new();
            for second in same[rank..].iter().take(TRIED) {
                let period = second - at;
                if period > longest {
                    break;
                }
                let end = &mut ends[period];
                if *end <= at {
                    *end = at;
                    while steps > 0 && self.same(*end, period) {
                        *end += 1;
                        steps -= 1;
                    }
                }
                let equal = *end - at;
                // What repeats with a period repeats with its multiples too, and no further.
                let known = |(p, e): &(usize, usize)| period % p == 0 && p + e >= period + equal;
                if equal > 0 && !stretches.iter().any(known) {
                    stretches.push((period, equal));
                }
            }
            // What covers most first, of those the shortest block.
            sort::by_key(&mut stretches, |(period, equal)| {
                (Reverse(period + equal), *period)
            });
            // Most are too short to look at, and cost nothing.
            stretches.retain(|(period, equal)| self.may_be_run(at, *equal, *period));
            let best = stretches.iter().find_map(|&(period, equal)| {
                steps = steps.saturating_sub(period + equal);
                self.aligned((free, at), equal, period)
            });
            match best {
                Some(run) => {
                    at = run.end();
                    free = at;
                    found.push(run);
                }
                None => at += 1,
            }
        }
        found
    }

    /// How many equal blocks are worth a scope.
    fn least(&self, from: usize, period: usize) -> usize {
        match period {
            1 if self.single[from] => LEAST_SINGLE,
            _ => LEAST_TIMES,
        }
    }

    /// Whether a stretch is long enough for a run; the block before it may be one of the run too.
    fn may_be_run(&self, from: usize, equal: usize, period: usize) -> bool {
        (equal + period) / period + 1 >= self.least(from, period)
    }

    /// The run in a stretch where `equal` siblings are the same as those a period further on, begun where the least
    /// data passes from block to block. Nothing before `free` is taken.
    fn aligned(&self, (free, from): (usize, usize), equal: usize, period: usize) -> Option<Run> {
        let least = self.least(from, period);
        let whole = (equal + period) / period;
        let runs = (0..period.min(equal)).map(|shift| {
            let from = from + shift;
            let times = (equal + period - shift) / period;
            match from >= free + period && self.leads(from, period) {
                true => Run {
                    from: from - period,
                    period,
                    times: times + 1,
                },
                false => Run {
                    from,
                    period,
                    times,
                },
            }
        });
        let fit = runs.filter(|run| run.times >= least && run.times + 1 >= whole);
        let mut ranked: Vec<_> = fit
            .take(STARTS)
            .map(|run| {
                let begins = self.begins[run.from];
                let (values, takers) = self.passing(&run);
                let times = Reverse(run.times);
                ((values, times, Reverse(takers), !begins), run)
            })
            .collect();
        sort::by_key(&mut ranked, |(rank, run)| (*rank, run.from));
        let mut runs = ranked.into_iter().map(|(_, run)| run);
        runs.find(|run| {
            (self.is_chain(run) || self.is_joined(run))
                && self.is_fed_alike(run)
                && self.is_one_piece(run)
        })
    }

    /// Whether what stands before the block at `second` is such a block too. The first one of a run may take from
    /// anywhere what the others take from the one before, or from the one before that.
    fn leads(&self, second: usize, period: usize) -> bool {
        let first = second - period;
        let mut given: HashMap<Taken, Taken> = HashMap::new();
        (first..second).all(|at| {
            let (here, there) = (&self.taken[at], &self.taken[at + period]);
            let after = self.taken.get(at + 2 * period);
            // Whether the third block takes it from a period further on than the second.
            let moves = |input: usize, (from, out): (usize, u32)| {
                let taken = after.and_then(|after| after.get(input));
                taken == Some(&Taken::At(from + period, out))
            };
            let pairs = here.iter().zip(there).enumerate();
            self.keys[at] == self.keys[at + period]
                && here.len() == there.len()
                && pairs.into_iter().all(|(input, (a, b))| match (*a, *b) {
                    (Taken::At(a, out), Taken::At(b, other)) if b == a + period => out == other,
                    (a, b) if a == b => true,
                    (Taken::At(a, _), _) if a >= first => false,
                    (a, Taken::At(b, out)) if b < second => {
                        (b >= first || moves(input, (b, out)))
                            && *given.entry(Taken::At(b, out)).or_insert(a) == a
                    }
                    _ => false,
                })
        })
    }

    /// Whether the second block takes from the first.
    fn is_chain(&self, run: &Run) -> bool {
        let second = run.from + run.period;
        let mut taken = self.taken[second..second + run.period].iter().flatten();
        taken.any(|taken| matches!(*taken, Taken::At(at, _) if (run.from..second).contains(&at)))
    }

    /// Whether the blocks stand beside one another and something behind them takes from all of them.
    fn is_joined(&self, run: &Run) -> bool {
        let joins = |offset: usize| {
            let taker = self.takers[run.from + offset];
            let same = |at: usize| self.takers[at] == taker;
            taker >= Some(run.end()) && (run.from + offset..run.end()).step_by(run.period).all(same)
        };
        run.period > 1 && (0..run.period).any(joins)
    }

    /// Whether what all blocks take comes from before the run.
    fn is_fed_alike(&self, run: &Run) -> bool {
        let shared_before = |at: usize| {
            let pairs = self.taken[at].iter().zip(&self.taken[at + run.period]);
            pairs.filter(|(a, b)| a == b).all(|(a, _)| match a {
                Taken::At(source, _) => *source < run.from,
                Taken::Else(_) => true,
            })
        };
        (run.from..run.end() - run.period).all(shared_before)
    }

    /// Whether everything in the second block hangs together by what flows inside of it.
    fn is_one_piece(&self, run: &Run) -> bool {
        let second = run.from + run.period;
        // The piece that each part belongs to, by one of the piece.
        let mut pieces: Vec<usize> = (0..run.period).collect();
        let mut left = run.period;
        for at in 0..run.period {
            for taken in &self.taken[second + at] {
                let Taken::At(source, _) = *taken else {
                    continue;
                };
                if let Some(from) = source.checked_sub(second)
                    && from < run.period
                {
                    let (a, b) = (root(&mut pieces, at), root(&mut pieces, from));
                    pieces[a] = b;
                    left -= usize::from(a != b);
                }
            }
        }
        left == 1
    }

    /// How many values pass from the first block to the second, and how often they are taken there: a block ends where
    /// the way to its shortcut begins.
    fn passing(&self, run: &Run) -> (usize, usize) {
        let second = run.from + run.period;
        let mut seen: Vec<(usize, u32)> = Vec::new();
        for at in second..second + run.period {
            for taken in &self.taken[at] {
                if let Taken::At(source, out) = taken
                    && (run.from..second).contains(source)
                {
                    seen.push((*source, *out));
                }
            }
        }
        let takers = seen.len();
        seen.sort_unstable();
        seen.dedup();
        (seen.len(), takers)
    }
}

/// The one that stands for the piece of `at`.
fn root(pieces: &mut [usize], mut at: usize) -> usize {
    while pieces[at] != at {
        pieces[at] = pieces[pieces[at]];
        at = pieces[at];
    }
    at
}

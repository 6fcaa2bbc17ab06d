//! Orders of things that take from one another, in which the order of the file has no part: the parts of equal blocks
//! stand alike in them.
//!
//! Everything stands before what takes from it, by its way to the end. Of what is equally far from it, who takes it
//! decides, and at which input. Time is about linear in the number of things and of what they take.

use std::cmp::Reverse;

/// What each thing takes from, in the order of its inputs.
pub(super) type Sources = [Vec<u32>];

/// A row in which everything stands after what it takes from, and where each thing stands to the end. Where things
/// take from one another in a circle, what closes it does not count.
pub(super) struct Row {
    row: Vec<u32>,
    place: Vec<u32>,
    /// How far each thing is from the end: the longest way there. What lies beside the way to the end, because its
    /// results are taken by nothing, stands right behind what it takes from.
    levels: Vec<i32>,
    /// The first one that all of its ways to an end go through; the number of things where there is none.
    through: Vec<u32>,
    /// How much reaches an end only through it, itself included.
    sizes: Vec<u32>,
}

impl Row {
    /// From the last thing backward: only where nothing else decides does it matter in which order they are given.
    pub(super) fn new(sources: &Sources) -> Row {
        const NEW: u32 = u32::MAX;
        let mut place = vec![NEW; sources.len()];
        let mut begun = vec![false; sources.len()];
        let mut row = Vec::with_capacity(sources.len());
        let mut stack: Vec<(u32, usize)> = Vec::new();
        for root in (0..sources.len() as u32).rev() {
            if begun[root as usize] {
                continue;
            }
            begun[root as usize] = true;
            stack.push((root, 0));
            while let Some((at, next)) = stack.last_mut() {
                let Some(&source) = sources[*at as usize].get(*next) else {
                    place[*at as usize] = row.len() as u32;
                    row.push(*at);
                    stack.pop();
                    continue;
                };
                *next += 1;
                if !std::mem::replace(&mut begun[source as usize], true) {
                    stack.push((source, 0));
                }
            }
        }
        let mut row = Row {
            row,
            place,
            levels: Vec::new(),
            through: Vec::new(),
            sizes: vec![1; sources.len() + 1],
        };
        row.levels = row.levels(sources);
        row.through = row.post_dominators(sources);
        for &at in &row.row {
            row.sizes[row.through[at as usize] as usize] += row.sizes[at as usize];
        }
        row
    }

    /// What a thing takes from, with the number of the input.
    fn taken<'a>(
        &'a self,
        sources: &'a Sources,
        by: u32,
    ) -> impl DoubleEndedIterator<Item = (usize, u32)> + 'a {
        let taken = sources[by as usize].iter().copied().enumerate();
        taken.filter(move |(_, from)| self.place[*from as usize] < self.place[by as usize])
    }

    fn levels(&self, sources: &Sources) -> Vec<i32> {
        let count = self.row.len();
        let (mut depth, mut is_taken) = (vec![0i32; count], vec![false; count]);
        for &at in &self.row {
            for (_, from) in self.taken(sources, at) {
                depth[at as usize] = depth[at as usize].max(depth[from as usize] + 1);
                is_taken[from as usize] = true;
            }
        }
        let deepest = depth.iter().copied().max().unwrap_or(0);
        let ends = |at: usize| !is_taken[at] && depth[at] == deepest;
        let mut leads: Vec<bool> = (0..count).map(ends).collect();
        let mut levels = vec![0; count];
        for &at in self.row.iter().rev() {
            if leads[at as usize] {
                for (_, from) in self.taken(sources, at) {
                    leads[from as usize] = true;
                    levels[from as usize] = levels[from as usize].max(levels[at as usize] + 1);
                }
            }
        }
        for &at in &self.row {
            if !leads[at as usize] {
                let before = self.taken(sources, at).map(|(_, f)| levels[f as usize]);
                levels[at as usize] = before.min().map_or(deepest, |level| level - 1);
            }
        }
        levels
    }

    /// Tells what one thing takes from apart: first what is near, then what only leads there, then the most.
    pub(super) fn way(&self, from: usize, to: usize) -> (i32, bool, Reverse<u32>) {
        let elsewhere = self.through[from] as usize != to;
        (self.levels[from], elsewhere, Reverse(self.sizes[from]))
    }

    /// By the way to the end alone: blocks that take from several blocks before them stay in one piece, branches beside
    /// one another are mixed. Inputs in `sources` may have changed their places since; `kinds` decides among what
    /// nothing takes from.
    pub(super) fn by_level(&self, sources: &Sources, kinds: &[u64]) -> Vec<u32> {
        let whole = vec![self.row.len() as u32; self.row.len()];
        self.order(&whole, sources, kinds)
    }

    /// What reaches the end only through one thing stands right before that one: blocks that take from the one before
    /// stay in one piece, and so do branches.
    pub(super) fn by_branch(&self, sources: &Sources, kinds: &[u64]) -> Vec<u32> {
        self.order(&self.through, sources, kinds)
    }

    /// What stands below one thing in `tree` stays together.
    fn order(&self, tree: &[u32], sources: &Sources, kinds: &[u64]) -> Vec<u32> {
        let count = self.row.len();
        let levels = &self.levels;
        // The children of each thing in the tree, the nearest to the end first.
        let mut starts = vec![0usize; count + 2];
        for &parent in tree {
            starts[parent as usize + 1] += 1;
        }
        for at in 0..=count {
            starts[at + 1] += starts[at];
        }
        let mut near: Vec<u32> = (0..count as u32).collect();
        near.sort_by_key(|at| levels[*at as usize]);
        let (mut children, mut next) = (vec![0u32; count], starts.clone());
        for at in near {
            let slot = &mut next[tree[at as usize] as usize];
            children[*slot] = at;
            *slot += 1;
        }
        // How much stays together with each thing.
        let mut sizes = vec![1u32; count + 1];
        for &at in &self.row {
            sizes[tree[at as usize] as usize] += sizes[at as usize];
        }
        // From the end: of each thing what was last seen to take from it, and at which input.
        let mut taker = vec![(0u32, 0u32); count];
        let mut order: Vec<u32> = Vec::with_capacity(count);
        let mut stack = vec![(count, starts[count])];
        while let Some((parent, at)) = stack.last_mut() {
            let (begin, end) = (starts[*parent], starts[*parent + 1]);
            if *at == end {
                stack.pop();
                continue;
            }
            let level = |at: usize| levels[children[at] as usize];
            if *at == begin || level(*at - 1) != level(*at) {
                let many = (*at..end).take_while(|i| level(*i) == level(*at)).count();
                children[*at..*at + many].sort_by_key(|child| {
                    let (by, input) = taker[*child as usize];
                    (
                        Reverse(sizes[*child as usize]),
                        Reverse(by),
                        input,
                        kinds[*child as usize],
                        *child,
                    )
                });
            }
            let child = children[*at];
            *at += 1;
            order.push(child);
            for (input, from) in self.taken(sources, child).rev() {
                taker[from as usize] = (order.len() as u32, input as u32);
            }
            stack.push((child as usize, starts[child as usize]));
        }
        order.reverse();
        order
    }

    fn post_dominators(&self, sources: &Sources) -> Vec<u32> {
        const NONE: u32 = u32::MAX;
        let root = self.row.len();
        let mut tree = Tree {
            parent: vec![NONE; root + 1],
            far: vec![root as u32; root + 1],
            depth: vec![0; root + 1],
        };
        tree.parent[root] = root as u32;
        for &at in self.row.iter().rev() {
            // All that take from it have their place in the tree.
            let found = tree.parent[at as usize];
            tree.put(at, if found == NONE { root as u32 } else { found });
            for (_, from) in self.taken(sources, at) {
                let known = tree.parent[from as usize];
                tree.parent[from as usize] = match known {
                    NONE => at,
                    _ => tree.meet(known, at),
                };
            }
        }
        tree.parent.truncate(root);
        tree.parent
    }
}

/// A tree that grows at its leaves and finds where two branches meet in logarithmic time: from each place a second
/// pointer goes up farther (Myers, "An applicative random-access stack", 1983).
struct Tree {
    parent: Vec<u32>,
    far: Vec<u32>,
    depth: Vec<u32>,
}

impl Tree {
    fn put(&mut self, at: u32, parent: u32) {
        let (up, depth) = (&self.far, &self.depth);
        let once = up[parent as usize];
        let twice = up[once as usize];
        let (a, b, c) = (
            depth[parent as usize],
            depth[once as usize],
            depth[twice as usize],
        );
        let far = if a - b == b - c { twice } else { parent };
        self.parent[at as usize] = parent;
        self.far[at as usize] = far;
        self.depth[at as usize] = a + 1;
    }

    fn meet(&self, a: u32, b: u32) -> u32 {
        let depth = |at: u32| self.depth[at as usize];
        let (mut low, mut high) = if depth(a) > depth(b) { (a, b) } else { (b, a) };
        while depth(low) > depth(high) {
            let far = self.far[low as usize];
            low = match depth(far) >= depth(high) {
                true => far,
                false => self.parent[low as usize],
            };
        }
        while low != high {
            let (far, other) = (self.far[low as usize], self.far[high as usize]);
            (low, high) = match far == other {
                true => (self.parent[low as usize], self.parent[high as usize]),
                false => (far, other),
            };
        }
        low
    }
}

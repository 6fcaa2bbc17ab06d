//! Which positions along the axes of values are one channel: they can only go together.

use std::collections::HashMap;

use super::super::sites::constant_behind;
use crate::model::{Graph, QuantizationDetails, ValueId};

/// Number of a channel; several numbers may turn out to be one channel.
pub type Channel = u32;

/// Channels along an axis have at most this many positions; more are no weights of a file that fits memory.
const MOST: usize = 1 << 24;

/// What is known of the channels of a graph.
pub struct Tracks<'a> {
    graph: &'a Graph,
    /// By value and axis, the channel of each position.
    along: HashMap<(ValueId, usize), Vec<Channel>>,
    /// The channel axis of data that flows between operators.
    axis: HashMap<ValueId, usize>,
    parent: Vec<Channel>,
    /// Why a channel has to stay, at its root.
    stays: Vec<Option<String>>,
    /// Values whose axes all have to stay as they are.
    held: HashMap<ValueId, String>,
}

impl<'a> Tracks<'a> {
    pub fn new(graph: &'a Graph) -> Self {
        Tracks {
            graph,
            along: HashMap::new(),
            axis: HashMap::new(),
            parent: Vec::new(),
            stays: Vec::new(),
            held: HashMap::new(),
        }
    }

    pub fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// The number that stands for all that are one channel with `channel`.
    pub fn root(&mut self, channel: Channel) -> Channel {
        let mut at = channel;
        while self.parent[at as usize] != at {
            let up = self.parent[at as usize];
            self.parent[at as usize] = self.parent[up as usize];
            at = up;
        }
        at
    }

    /// `count` new channels.
    pub fn fresh(&mut self, count: usize) -> Vec<Channel> {
        let first = self.parent.len();
        self.parent
            .extend((first..first + count).map(|c| c as Channel));
        self.stays.resize(first + count, None);
        (first..first + count).map(|c| c as Channel).collect()
    }

    /// New channels that have to stay.
    pub fn pinned(&mut self, count: usize, why: &str) -> Vec<Channel> {
        let channels = self.fresh(count);
        self.stay(&channels, why);
        channels
    }

    pub fn stay(&mut self, channels: &[Channel], why: &str) {
        for &channel in channels {
            let root = self.root(channel) as usize;
            self.stays[root].get_or_insert_with(|| why.to_owned());
        }
    }

    /// Why a channel has to stay.
    pub fn why(&mut self, channel: Channel) -> Option<&str> {
        let root = self.root(channel) as usize;
        self.stays[root].as_deref()
    }

    /// `a` and `b` can only go together.
    pub fn join(&mut self, a: Channel, b: Channel) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.parent[b as usize] = a;
            if let Some(why) = self.stays[b as usize].take() {
                self.stays[a as usize].get_or_insert(why);
            }
        }
    }

    pub fn join_all(&mut self, a: &[Channel], b: &[Channel]) {
        a.iter().zip(b).for_each(|(&a, &b)| self.join(a, b));
    }

    /// Nothing of `value` may be cut.
    pub fn hold(&mut self, value: ValueId, why: impl Into<String>) {
        let why = why.into();
        if let Some(constant) = constant_behind(self.graph, value) {
            self.held.entry(constant).or_insert_with(|| why.clone());
        }
        self.held.entry(value).or_insert(why);
    }

    /// The channel axis of `value` and the channels along it.
    pub fn of(&self, value: ValueId) -> Option<(usize, Vec<Channel>)> {
        let axis = *self.axis.get(&value)?;
        Some((axis, self.along.get(&(value, axis))?.clone()))
    }

    /// The channels along an axis of a constant that is known already.
    pub fn along(&self, value: ValueId, axis: usize) -> Option<&[Channel]> {
        self.along.get(&(value, axis)).map(Vec::as_slice)
    }

    pub fn all(&self) -> impl Iterator<Item = (&(ValueId, usize), &Vec<Channel>)> {
        self.along.iter()
    }

    /// The sizes of `value`; `None` where they are not known.
    pub fn sizes(&self, value: ValueId) -> Option<Vec<usize>> {
        self.graph.value(value).stored_shape.fixed()
    }

    /// `channels` stand along `axis` of data.
    pub fn flow(&mut self, value: ValueId, axis: usize, channels: &[Channel]) {
        self.tie(value, axis, channels);
        self.axis.insert(value, axis);
    }

    /// `channels` stand along `axis` of an operand: a constant, or one behind a DEQUANTIZE.
    pub fn tie_constant(&mut self, operand: ValueId, axis: usize, channels: &[Channel]) {
        match constant_behind(self.graph, operand) {
            None => self.stay(channels, "they are joined with values that stay"),
            Some(constant) if constant == operand => {}
            Some(constant) => self.tie(constant, axis, channels),
        }
        self.tie(operand, axis, channels);
    }

    fn tie(&mut self, value: ValueId, axis: usize, channels: &[Channel]) {
        let size = self.sizes(value).and_then(|s| s.get(axis).copied());
        if size != Some(channels.len()) || channels.len() > MOST {
            self.stay(channels, "sizes in the file contradict each other");
            self.hold(value, "sizes in the file contradict each other");
            return;
        }
        if !self.can_cut(value, axis, channels.len()) {
            self.stay(channels, "they have a quantization scheme without a rule");
        }
        match self.along.get(&(value, axis)) {
            None => {
                self.along.insert((value, axis), channels.to_vec());
            }
            Some(known) => {
                let known = known.clone();
                self.join_all(&known, channels);
            }
        }
    }

    /// Whether scales can follow a cut along `axis`.
    fn can_cut(&self, value: ValueId, axis: usize, count: usize) -> bool {
        let value = self.graph.value(value);
        let Some(q) = &value.quantization else {
            return true;
        };
        let per_channel = q.scale.len() > 1 || q.zero_point.len() > 1;
        let rank = value.stored_shape.rank().unwrap_or(0);
        let fits = match q.axis(rank) {
            Some(own) if own == axis => q.scale.len() == count,
            own => own.is_some(),
        };
        q.details == QuantizationDetails::None && (!per_channel || fits)
    }

    /// What is held holds its channels.
    pub fn settle(&mut self) {
        let held: Vec<_> = (self.along.iter())
            .filter_map(|((value, _), channels)| {
                Some((channels.clone(), self.held.get(value)?.clone()))
            })
            .collect();
        for (channels, why) in held {
            self.stay(&channels, &why);
        }
    }
}

//! Which channels go: those whose weights are smallest, in each family of layers by itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::tracks::{Channel, Tracks};
use crate::error::Result;
use crate::model::ValueId;
use crate::progress::Progress;
use crate::prune::sites::Site;
use crate::prune::weights::Weights;
use crate::sort;

/// A layer whose weights make channels.
struct Maker {
    /// By position, the root of the channel.
    channels: Vec<Channel>,
    /// By position, the mean size of the weights in relation to the layer's own: filters of several layers compare.
    sizes: Vec<f64>,
}

/// Roots of the channels that go: of each family of layers whose channels go together, a `share` of those that may.
/// One at least stays along every axis.
///
/// # Errors
/// Weights that can't be read, the person's wish to stop.
pub fn choose(
    tracks: &mut Tracks<'_>,
    sites: &[Site],
    share: f64,
    progress: &Progress,
) -> Result<HashSet<Channel>> {
    let mut makers = Vec::new();
    for site in sites {
        progress.step(1)?;
        makers.extend(maker(tracks, site.value)?);
    }
    let mut left = Left::of(tracks);
    let mut gone = HashSet::new();
    for family in families(&makers) {
        let mut scores: BTreeMap<Channel, (f64, usize)> = BTreeMap::new();
        for maker in family.iter().filter_map(|&at| makers.get(at)) {
            for (&channel, size) in maker.channels.iter().zip(&maker.sizes) {
                let score = scores.entry(channel).or_default();
                score.0 += size;
                score.1 += 1;
            }
        }
        let mut free: Vec<(f64, Channel)> = Vec::new();
        for (channel, (sum, count)) in scores {
            if tracks.why(channel).is_none() {
                free.push((sum / count as f64, channel));
            }
        }
        sort::by(&mut free, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut wanted = (free.len() as f64 * share).round() as usize;
        for (_, channel) in free {
            if wanted > 0 && left.take(channel) {
                gone.insert(channel);
                wanted -= 1;
            }
        }
    }
    Ok(gone)
}

/// What a weight constant says of the channels that it makes.
fn maker(tracks: &mut Tracks<'_>, weights: ValueId) -> Result<Option<Maker>> {
    let graph = tracks.graph();
    // All operators that make channels have them along axis 0 of their weights.
    let Some(channels) = tracks.along(weights, 0).map(<[Channel]>::to_vec) else {
        return Ok(None);
    };
    if channels.is_empty() {
        return Ok(None);
    }
    let roots: Vec<Channel> = channels.iter().map(|&c| tracks.root(c)).collect();
    let opened = match Weights::open(graph, weights)? {
        Ok(opened) => opened,
        Err(why) => {
            tracks.stay(&channels, &why);
            return Ok(None);
        }
    };
    let magnitudes = opened.magnitudes();
    let filter = (magnitudes.len() / channels.len()).max(1);
    let mean = |values: &[f32]| {
        values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64
    };
    let own = mean(&magnitudes).max(f64::MIN_POSITIVE);
    Ok(Some(Maker {
        sizes: magnitudes.chunks(filter).map(|f| mean(f) / own).collect(),
        channels: roots,
    }))
}

/// Layers that share channels, by their numbers.
fn families(makers: &[Maker]) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..makers.len()).collect();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    let mut first: HashMap<Channel, usize> = HashMap::new();
    for (number, maker) in makers.iter().enumerate() {
        for &channel in &maker.channels {
            let known = *first.entry(channel).or_insert(number);
            let (a, b) = (root(&mut parent, known), root(&mut parent, number));
            parent[b] = a;
        }
    }
    let mut families: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in 0..makers.len() {
        families
            .entry(root(&mut parent, number))
            .or_default()
            .push(number);
    }
    families.into_values().collect()
}

/// How many positions are left along each axis.
struct Left {
    counts: Vec<usize>,
    /// By root, the axes that it stands along and how often.
    places: HashMap<Channel, Vec<(usize, usize)>>,
}

impl Left {
    fn of(tracks: &mut Tracks<'_>) -> Self {
        let axes: Vec<Vec<Channel>> = tracks.all().map(|(_, channels)| channels.clone()).collect();
        let mut places: HashMap<Channel, Vec<(usize, usize)>> = HashMap::new();
        for (number, channels) in axes.iter().enumerate() {
            let mut times: HashMap<Channel, usize> = HashMap::new();
            for &channel in channels {
                *times.entry(tracks.root(channel)).or_default() += 1;
            }
            for (channel, count) in times {
                places.entry(channel).or_default().push((number, count));
            }
        }
        Left {
            counts: axes.iter().map(Vec::len).collect(),
            places,
        }
    }

    /// Takes a channel away if something stays along all of its axes.
    fn take(&mut self, channel: Channel) -> bool {
        let places = self.places.get(&channel).map_or(&[][..], Vec::as_slice);
        if places
            .iter()
            .any(|&(axis, count)| self.counts[axis] <= count)
        {
            return false;
        }
        for &(axis, count) in places {
            self.counts[axis] -= count;
        }
        true
    }
}

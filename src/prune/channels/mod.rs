//! Whole output channels cut out of layers, and with them the inputs of all that takes them.
//!
//! `follow` finds which positions along which axes are one channel, `choose` which channels go, `cut` takes them out.

mod arithmetic;
mod choose;
mod cut;
mod follow;
mod layout;
mod tracks;

use std::collections::HashSet;

use super::sites::Site;
use crate::error::Result;
use crate::model::{Graph, ValueId};
use crate::progress::Progress;
use cut::Cut;
use follow::Size;
use tracks::{Channel, Tracks};

/// What is to be cut out of a graph.
struct Plan {
    cuts: Vec<Cut>,
    /// Sizes written in constants, and what they become.
    sizes: Vec<(Size, usize)>,
    /// By site, why all of its output channels stay; `None` where some go.
    kept: Vec<Option<String>>,
}

/// Cuts a `share` of the output channels of each layer out of the graph, where they can be followed to everything that
/// takes them. Says by site why all of its output channels stay; `None` where some went.
///
/// # Errors
/// Constants that can't be read, a graph that needs its own results, the person's wish to stop.
pub fn prune(
    graph: &mut Graph,
    sites: &[Site],
    share: f64,
    progress: &Progress,
) -> Result<Vec<Option<String>>> {
    let plan = plan(graph, sites, share, progress)?;
    for (size, left) in &plan.sizes {
        cut::resize(graph, size, *left);
    }
    for cut in &plan.cuts {
        cut::apply(graph, cut)?;
    }
    Ok(plan.kept)
}

fn plan(graph: &Graph, sites: &[Site], share: f64, progress: &Progress) -> Result<Plan> {
    let (mut tracks, written) = follow::follow(graph)?;
    let gone = choose::choose(&mut tracks, sites, share, progress)?;
    let kept = sites.iter().map(|site| why(&mut tracks, site, &gone));
    let kept = kept.collect();
    let mut sizes = Vec::new();
    for size in written {
        let stays = (size.channels.iter()).filter(|c| !gone.contains(&tracks.root(**c)));
        let left = stays.count();
        if left < size.channels.len() {
            sizes.push((size, left));
        }
    }
    Ok(Plan {
        cuts: cuts(&mut tracks, &gone),
        sizes,
        kept,
    })
}

/// Why all output channels of a layer stay.
fn why(tracks: &mut Tracks<'_>, site: &Site, gone: &HashSet<Channel>) -> Option<String> {
    let axis = match output_axis(tracks.graph(), site) {
        Some(axis) => axis,
        None => return Some("no operator whose channels can be cut".to_owned()),
    };
    let channels = tracks.along(site.value, axis).map(<[Channel]>::to_vec);
    let Some(channels) = channels else {
        return Some("its channels can't be followed".to_owned());
    };
    let mut reason = None;
    for channel in channels {
        if gone.contains(&tracks.root(channel)) {
            return None;
        }
        reason = reason.or_else(|| tracks.why(channel).map(str::to_owned));
    }
    Some(reason.unwrap_or_else(|| "the share comes to less than one channel".to_owned()))
}

/// The axis of the channels that the weights of `site` make.
fn output_axis(graph: &Graph, site: &Site) -> Option<usize> {
    let (id, _) = site.users.first()?;
    match &*graph.node(*id).op {
        "CONV_2D" | "TRANSPOSE_CONV" | "FULLY_CONNECTED" => Some(0),
        "DEPTHWISE_CONV_2D" => Some(3),
        _ => None,
    }
}

/// What is left along each axis that loses channels.
fn cuts(tracks: &mut Tracks<'_>, gone: &HashSet<Channel>) -> Vec<Cut> {
    let all: Vec<((ValueId, usize), Vec<Channel>)> = tracks
        .all()
        .map(|(place, channels)| (*place, channels.clone()))
        .collect();
    let mut cuts = Vec::new();
    for ((value, axis), channels) in all {
        let kept: Vec<usize> = (0..channels.len())
            .filter(|&at| !gone.contains(&tracks.root(channels[at])))
            .collect();
        if kept.len() < channels.len() {
            cuts.push(Cut { value, axis, kept });
        }
    }
    cuts
}

#[cfg(test)]
mod tests;

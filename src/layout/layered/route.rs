//! Where edges leave and enter boxes, and their way between the ranks: one horizontal track per net.

use super::{Drawing, Edge, Layers, Rect, Spacing};

/// Nets in one channel above which tracks are shared out without looking at crossings.
const COMPARED: usize = 3_000;

/// Columns of both ends of every segment.
struct Ports {
    upper: Vec<i32>,
    lower: Vec<i32>,
}

/// The segments of one net between two ranks.
struct Bundle {
    net: usize,
    /// Where it comes from above, and where it goes below, from left to right.
    top: i32,
    bottoms: Vec<i32>,
    left: i32,
    right: i32,
    track: i32,
}

pub(super) fn draw(layers: &Layers, boxes: usize, x: &[i32], spacing: Spacing) -> Drawing {
    let ports = ports(layers, x);
    let mut channels: Vec<Vec<Bundle>> = bundles(layers, &ports);
    let mut tops = Vec::with_capacity(layers.layers.len());
    let mut heights = Vec::with_capacity(layers.layers.len());
    let mut y = 0;
    for (rank, layer) in layers.layers.iter().enumerate() {
        let height = layer.iter().map(|&c| layers.cells[c].height).max();
        tops.push(y);
        heights.push(height.unwrap_or(1));
        y += height.unwrap_or(1);
        if rank + 1 < layers.layers.len() {
            y += share_tracks(&mut channels[rank]).max(spacing.between);
        }
    }
    let mut drawing = Drawing {
        height: y,
        ..Drawing::default()
    };
    for (cell, &column) in x.iter().enumerate().take(boxes) {
        let size = &layers.cells[cell];
        let rank = layers.rank[cell];
        drawing.boxes.push(Rect {
            x: column - size.half(),
            y: tops[rank] + (heights[rank] - size.height) / 2,
            width: size.width,
            height: size.height,
        });
        drawing.width = drawing.width.max(column + size.half() + 1);
    }
    drawing.width = x
        .iter()
        .map(|x| x + 1)
        .max()
        .unwrap_or(0)
        .max(drawing.width);
    let tracks = track_of(layers, &channels);
    drawing.edges = (0..layers.chains.len())
        .map(|link| {
            let mut edge = edge(layers, &drawing.boxes, &ports, link, |segment| {
                let rank = layers.rank[layers.segments[segment].upper];
                tops[rank] + heights[rank] + tracks[segment]
            });
            if layers.back[link] {
                edge.points.reverse();
                edge.back = true;
            }
            edge
        })
        .collect();
    drawing
}

/// Each end's column: straight where it can be, else near the middle, in the order of the other ends.
fn ports(layers: &Layers, x: &[i32]) -> Ports {
    let count = layers.segments.len();
    let mut ports = Ports {
        upper: vec![0; count],
        lower: vec![0; count],
    };
    for (index, segment) in layers.segments.iter().enumerate() {
        ports.upper[index] = x[segment.upper] + segment.upper_at.unwrap_or(0);
        ports.lower[index] = x[segment.lower] + segment.lower_at.unwrap_or(0);
    }
    for cell in 0..layers.cells.len() {
        spread_nets(layers, x, cell, &mut ports);
    }
    for cell in 0..layers.cells.len() {
        enter(layers, x, cell, &mut ports);
    }
    for cell in 0..layers.cells.len() {
        leave_straight(layers, x, cell, &mut ports);
    }
    ports
}

/// The columns of a box in which edges may begin and end: not its corners.
fn inside(layers: &Layers, x: &[i32], cell: usize) -> (i32, i32) {
    let margin = i32::from(layers.cells[cell].width > 2);
    let half = (layers.cells[cell].half() - margin).max(0);
    (x[cell] - half, x[cell] + half)
}

/// Several nets that leave one box get places beside one another.
fn spread_nets(layers: &Layers, x: &[i32], cell: usize, ports: &mut Ports) {
    let free = |s: &&usize| layers.segments[**s].upper_at.is_none();
    let mut nets: Vec<(i64, usize)> = Vec::new();
    for &segment in layers.below[cell].iter().filter(free) {
        let s = &layers.segments[segment];
        if !nets.iter().any(|(_, net)| *net == s.net) {
            nets.push((i64::from(x[s.lower]), s.net));
        }
    }
    if nets.len() < 2 || !layers.cells[cell].real {
        return;
    }
    nets.sort_unstable();
    let (low, high) = inside(layers, x, cell);
    for &segment in layers.below[cell].iter().filter(free) {
        let net = layers.segments[segment].net;
        let at = nets.iter().position(|(_, n)| *n == net).unwrap_or(0) as i32;
        let wanted = x[cell] + 2 * at - (nets.len() as i32 - 1);
        ports.upper[segment] = wanted.clamp(low, high);
    }
}

/// Places for the edges that enter a box from above.
fn enter(layers: &Layers, x: &[i32], cell: usize, ports: &mut Ports) {
    if !layers.cells[cell].real {
        return;
    }
    let mut entering: Vec<usize> = layers.above[cell]
        .iter()
        .copied()
        .filter(|&s| layers.segments[s].lower_at.is_none())
        .collect();
    entering.sort_by_key(|&s| (ports.upper[s], s));
    let (low, high) = inside(layers, x, cell);
    let count = entering.len() as i32;
    let step = if 2 * (count - 1) <= high - low { 2 } else { 1 };
    if step * (count - 1) > high - low {
        for (at, &segment) in entering.iter().enumerate() {
            let along = i64::from(high - low) * at as i64 / i64::from((count - 1).max(1));
            ports.lower[segment] = low + along as i32;
        }
        return;
    }
    let wishes: Vec<(f64, f64)> = entering
        .iter()
        .map(|&s| {
            let from = ports.upper[s];
            let straight = (low..=high).contains(&from);
            let near = from.clamp((x[cell] - count).max(low), (x[cell] + count).min(high));
            match (straight, layers.cells[layers.segments[s].upper].real) {
                (true, real) => (f64::from(from), if real { 16.0 } else { 8.0 }),
                (false, _) => (f64::from(near), 1.0),
            }
        })
        .collect();
    let places = in_order(&wishes, step);
    for (at, (&segment, place)) in entering.iter().zip(places).enumerate() {
        let at = at as i32;
        ports.lower[segment] = place.clamp(low + step * at, high - step * (count - 1 - at));
    }
}

/// Columns in the given order, `step` apart, with the least weighted square distance to the wishes (position,
/// weight): isotonic regression by pooling neighbours that are in each other's way.
fn in_order(wishes: &[(f64, f64)], step: i32) -> Vec<i32> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (at, &(wish, weight)) in wishes.iter().enumerate() {
        let mut pool = (wish - f64::from(step) * at as f64, weight, 1);
        while let Some(&(before, before_weight, members)) = pools.last() {
            if before <= pool.0 {
                break;
            }
            let sum = before_weight + pool.1;
            pool = (
                (before * before_weight + pool.0 * pool.1) / sum,
                sum,
                members + pool.2,
            );
            pools.pop();
        }
        pools.push(pool);
    }
    pools
        .iter()
        .flat_map(|&(place, _, members)| std::iter::repeat_n(place.round() as i32, members))
        .enumerate()
        .map(|(at, place)| place + step * at as i32)
        .collect()
}

/// The only net of a box leaves above the place where its only edge goes, if the box reaches that far.
fn leave_straight(layers: &Layers, x: &[i32], cell: usize, ports: &mut Ports) {
    let below = &layers.below[cell];
    let (Some(&first), true) = (below.first(), layers.cells[cell].real) else {
        return;
    };
    let net = layers.segments[first].net;
    let free = below.iter().all(|&s| {
        let s = &layers.segments[s];
        s.net == net && s.upper_at.is_none()
    });
    if !free {
        return;
    }
    let (low, high) = inside(layers, x, cell);
    let middle = x[cell];
    let place = below
        .iter()
        .map(|&s| ports.lower[s])
        .filter(|p| (low..=high).contains(p))
        .min_by_key(|p| (p - middle).abs());
    // A net that branches keeps its stem in the middle, unless a branch can go straight down near it.
    if let Some(place) = place {
        for &segment in below {
            ports.upper[segment] = place;
        }
    }
}

/// For each channel its nets, in order of their tops.
fn bundles(layers: &Layers, ports: &Ports) -> Vec<Vec<Bundle>> {
    let mut channels: Vec<Vec<Bundle>> = Vec::new();
    for layer in &layers.layers {
        let mut channel: Vec<Bundle> = Vec::new();
        for &cell in layer {
            let first = channel.len();
            for &segment in &layers.below[cell] {
                let net = layers.segments[segment].net;
                let at = (first..channel.len()).find(|&b| channel[b].net == net);
                let bundle = match at {
                    Some(at) => &mut channel[at],
                    None => {
                        channel.push(Bundle {
                            net,
                            top: ports.upper[segment],
                            bottoms: Vec::new(),
                            left: ports.upper[segment],
                            right: ports.upper[segment],
                            track: -1,
                        });
                        let last = channel.len() - 1;
                        &mut channel[last]
                    }
                };
                let bottom = ports.lower[segment];
                bundle.bottoms.push(bottom);
                bundle.left = bundle.left.min(bottom);
                bundle.right = bundle.right.max(bottom);
            }
        }
        for bundle in &mut channel {
            bundle.bottoms.sort_unstable();
            bundle.bottoms.dedup();
        }
        channels.push(channel);
    }
    channels
}

/// Crossings when `upper` runs on a track above `lower`; very many when they would lie on one another.
fn crossings(upper: &Bundle, lower: &Bundle) -> i64 {
    const OVERLAP: i64 = 1_000_000;
    let mut count = 0;
    // The way down from the upper track crosses the lower one, the way down to the lower track the upper one.
    for &bottom in &upper.bottoms {
        count += i64::from((lower.left..=lower.right).contains(&bottom));
        if bottom == lower.top {
            count += OVERLAP;
        }
    }
    count + i64::from((upper.left..=upper.right).contains(&lower.top))
}

/// Gives every net that bends a track; the number of tracks.
fn share_tracks(channel: &mut [Bundle]) -> i32 {
    let mut bent: Vec<usize> = (0..channel.len())
        .filter(|&b| channel[b].left < channel[b].right)
        .collect();
    if bent.len() <= COMPARED {
        sort_by_crossings(channel, &mut bent);
    } else {
        bent.sort_by_key(|&b| channel[b].left);
    }
    // Each track's occupied columns; a net goes below all earlier ones that it meets.
    let mut tracks: Vec<Vec<(i32, i32)>> = Vec::new();
    for &index in &bent {
        let (left, right) = (channel[index].left, channel[index].right);
        let meets = |taken: &Vec<(i32, i32)>| taken.iter().any(|(l, r)| *l <= right && left <= *r);
        let track = tracks.iter().rposition(meets).map_or(0, |t| t + 1);
        if track == tracks.len() {
            tracks.push(Vec::new());
        }
        tracks[track].push((left, right));
        channel[index].track = track as i32;
    }
    tracks.len() as i32
}

/// Nets in an order from the top track to the bottom one: never on one another where that can be, and with few crossings.
fn sort_by_crossings(channel: &[Bundle], bent: &mut Vec<usize>) {
    bent.sort_by_key(|&b| channel[b].left);
    let count = bent.len();
    let mut score = vec![0i64; count];
    let mut must_follow: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waiting = vec![0usize; count];
    for i in 0..count {
        for j in i + 1..count {
            let (a, b) = (&channel[bent[i]], &channel[bent[j]]);
            if b.left > a.right {
                break;
            }
            let difference = crossings(a, b) - crossings(b, a);
            if difference > 500_000 {
                must_follow[j].push(i);
                waiting[i] += 1;
            } else if difference < -500_000 {
                must_follow[i].push(j);
                waiting[j] += 1;
            } else {
                score[i] += difference;
                score[j] -= difference;
            }
        }
    }
    let mut ready: std::collections::BTreeSet<(i64, usize)> = (0..count)
        .filter(|&i| waiting[i] == 0)
        .map(|i| (score[i], i))
        .collect();
    let mut left: std::collections::BTreeSet<(i64, usize)> = (0..count)
        .filter(|&i| waiting[i] > 0)
        .map(|i| (score[i], i))
        .collect();
    let mut sorted = Vec::with_capacity(count);
    // Nets that wait for one another in a circle are taken by score.
    while let Some(next) = ready.pop_first().or_else(|| left.pop_first()) {
        sorted.push(bent[next.1]);
        for &follower in &must_follow[next.1] {
            waiting[follower] = waiting[follower].saturating_sub(1);
            let key = (score[follower], follower);
            if waiting[follower] == 0 && left.remove(&key) {
                ready.insert(key);
            }
        }
    }
    *bent = sorted;
}

/// The track of each segment below its rank; -1 where it goes straight down.
fn track_of(layers: &Layers, channels: &[Vec<Bundle>]) -> Vec<i32> {
    let mut tracks = vec![-1; layers.segments.len()];
    let mut by_net: std::collections::HashMap<(usize, usize), i32> =
        std::collections::HashMap::new();
    for (rank, channel) in channels.iter().enumerate() {
        for bundle in channel {
            by_net.insert((rank, bundle.net), bundle.track);
        }
    }
    for (index, segment) in layers.segments.iter().enumerate() {
        let key = (layers.rank[segment.upper], segment.net);
        tracks[index] = by_net.get(&key).copied().unwrap_or(-1);
    }
    tracks
}

fn edge(
    layers: &Layers,
    boxes: &[Rect],
    ports: &Ports,
    link: usize,
    track_row: impl Fn(usize) -> i32,
) -> Edge {
    let chain = &layers.chains[link];
    let (Some(&first), Some(&last)) = (chain.first(), chain.last()) else {
        return Edge::default();
    };
    let source = &boxes[layers.segments[first].upper];
    let target = &boxes[layers.segments[last].lower];
    let mut points = vec![(ports.upper[first], source.bottom() - 1)];
    for &segment in chain {
        let (from, to) = (ports.upper[segment], ports.lower[segment]);
        if from != to {
            let row = track_row(segment);
            points.push((from, row));
            points.push((to, row));
        }
    }
    points.push((ports.lower[last], target.y));
    Edge {
        points,
        back: false,
        net: layers.segments[first].net as u32,
    }
}

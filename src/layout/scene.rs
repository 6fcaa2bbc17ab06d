//! A hierarchy with some scopes open as one drawing: what is open is a frame with its own drawing inside.

use std::collections::{HashMap, HashSet};

use super::label::{Label, WIDEST, WIDEST_ALONE, cells, label};
use super::layered::{Drawing, Link, Pin, Rect, Size, Spacing, lay_out};
use super::scope::{Flow, Hierarchy, Item, Open, ScopeId};
use crate::model::{Graph, ValueId};

/// How much of each box is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Detail {
    /// A box with two lines.
    Full,
    /// A box with one line.
    #[default]
    Box,
    /// One line without a box.
    Line,
    Dot,
}

/// A box, or the frame of an open scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub item: Item,
    pub rect: Rect,
    /// The scope is open: a frame around other places.
    pub open: bool,
    pub label: Label,
}

/// A drawn part of the flow: within one scope, from box to box or to and from the scope's frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub from: Item,
    /// All boxes that the data reaches through this part.
    pub to: Vec<Item>,
    pub points: Vec<(i32, i32)>,
    pub back: bool,
    /// Only the order in which they run, no data.
    pub control: bool,
    /// The shape of what flows, unless the box that it comes from or another line of it says so.
    pub says: String,
    /// Where that stands: near the beginning for all lines of a box, else near the end.
    pub says_first: bool,
    pub net: u32,
    /// Whether the ends are on boxes, not on the frame around.
    pub begins: bool,
    pub ends: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    pub width: i32,
    pub height: i32,
    pub detail: Detail,
    /// Frames come before what is inside them.
    pub places: Vec<Place>,
    pub lines: Vec<Line>,
    index: HashMap<Item, usize>,
    bands: Vec<Band>,
}

/// Rows of a band.
const BAND: i32 = 32;

/// What reaches into some rows that follow one another: indices of places and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Band {
    places: Vec<u32>,
    lines: Vec<u32>,
}

/// The bands that rows `from..to` reach into.
fn bands(from: i32, to: i32, count: usize) -> std::ops::Range<usize> {
    let last = (to - 1).div_euclid(BAND) + 1;
    let bound = |band: i32| band.clamp(0, count as i32) as usize;
    bound(from.div_euclid(BAND))..bound(last)
}

impl Scene {
    /// The lines that may be seen in some rows, in their order.
    pub fn lines_in(&self, from: i32, to: i32) -> Vec<&Line> {
        let found = self.found_in(from, to, |band| &band.lines);
        found.filter_map(|at| self.lines.get(at)).collect()
    }

    /// The places that may be seen in some rows, in their order, with their numbers.
    pub fn places_in(&self, from: i32, to: i32) -> Vec<(usize, &Place)> {
        let found = self.found_in(from, to, |band| &band.places);
        let numbered = |at: usize| Some((at, self.places.get(at)?));
        found.filter_map(numbered).collect()
    }

    fn found_in(
        &self,
        from: i32,
        to: i32,
        list: impl Fn(&Band) -> &Vec<u32>,
    ) -> impl Iterator<Item = usize> {
        let bands = &self.bands[bands(from, to, self.bands.len())];
        let mut all: Vec<u32> = bands.iter().flat_map(|b| list(b).iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|at| at as usize)
    }

    /// Notes what reaches into which rows.
    fn find_bands(&mut self) {
        let count = (self.height.max(0) / BAND) as usize + 1;
        let mut all = vec![Band::default(); count];
        for (at, place) in self.places.iter().enumerate() {
            for band in bands(place.rect.y, place.rect.bottom(), count) {
                all[band].places.push(at as u32);
            }
        }
        for (at, line) in self.lines.iter().enumerate() {
            let rows = line.points.iter().map(|p| p.1);
            if let (Some(top), Some(bottom)) = (rows.clone().min(), rows.max()) {
                for band in bands(top, bottom + 1, count) {
                    all[band].lines.push(at as u32);
                }
            }
        }
        self.bands = all;
    }

    pub fn place(&self, item: Item) -> Option<&Place> {
        self.places.get(*self.index.get(&item)?)
    }

    /// The innermost place at a cell.
    pub fn at(&self, x: i32, y: i32) -> Option<&Place> {
        self.places.iter().rev().find(|p| p.rect.contains(x, y))
    }
}

/// Something that an edge within a scope can end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Child(Item),
    /// Through the frame, by the box outside that it comes from.
    In(Item),
    /// Through the frame, by the box inside that it comes from.
    Out(Item),
}

/// A connection within one scope's drawing.
struct Wire {
    from: End,
    to: End,
    source: Item,
    targets: Vec<Item>,
    /// What flows first of all; nothing where only the order counts.
    value: Option<ValueId>,
}

/// A scope's drawing, with the places where edges pass its frame.
#[derive(Default)]
struct Inner {
    size: (i32, i32),
    places: Vec<Place>,
    lines: Vec<Line>,
    ins: HashMap<Item, i32>,
    outs: HashMap<Item, i32>,
}

/// What of a hierarchy is drawn, and how.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub open: &'a Open,
    pub detail: Detail,
    /// Edges that only say what runs after what are drawn too.
    pub control: bool,
}

struct Builder<'a> {
    graph: &'a Graph,
    hierarchy: &'a Hierarchy,
    open: &'a Open,
    detail: Detail,
    relabel: &'a dyn Fn(Item, &mut Label),
    wires: HashMap<ScopeId, Vec<Wire>>,
    nets: u32,
}

/// Draws what is open. Time is that of [`lay_out`] for each open scope.
pub fn build(graph: &Graph, hierarchy: &Hierarchy, open: &Open, detail: Detail) -> Scene {
    let shown = Shown {
        open,
        detail,
        control: true,
    };
    build_with(graph, hierarchy, shown, &|_, _| {})
}

/// As [`build`]; `relabel` may change the words on a box before it gets its size.
pub fn build_with(
    graph: &Graph,
    hierarchy: &Hierarchy,
    shown: Shown,
    relabel: &dyn Fn(Item, &mut Label),
) -> Scene {
    let Shown { open, detail, .. } = shown;
    let mut builder = Builder {
        graph,
        hierarchy,
        open,
        detail,
        relabel,
        wires: wires(hierarchy, open, shown.control),
        nets: 0,
    };
    let inner = builder.draw(ScopeId::ROOT);
    let index = inner
        .places
        .iter()
        .enumerate()
        .map(|(at, place)| (place.item, at))
        .collect();
    let mut scene = Scene {
        width: inner.size.0,
        height: inner.size.1,
        detail,
        places: inner.places,
        lines: inner.lines,
        index,
        bands: Vec::new(),
    };
    scene.find_bands();
    scene
}

/// For every open scope the connections in it. An edge runs in the innermost scope that holds both ends, and from
/// there through the frames down to each end.
fn wires(hierarchy: &Hierarchy, open: &Open, control: bool) -> HashMap<ScopeId, Vec<Wire>> {
    let mut wires: HashMap<ScopeId, Vec<Wire>> = HashMap::new();
    let mut known: HashMap<(ScopeId, End, End, Item), usize> = HashMap::new();
    let mut add = |scope: ScopeId, from: End, to: End, flow: &Flow| {
        let list = wires.entry(scope).or_default();
        let source = flow.from;
        let at = *known.entry((scope, from, to, source)).or_insert_with(|| {
            list.push(Wire {
                from,
                to,
                source,
                targets: Vec::new(),
                value: None,
            });
            list.len() - 1
        });
        list[at].targets.push(flow.to);
        // Where data goes the same way, the line is one of data.
        list[at].value = list[at].value.or(flow.value);
    };
    let flows = hierarchy.shown_flows(open).into_iter();
    for flow in flows.filter(|f| control || f.value.is_some()) {
        let (from, to) = (hierarchy.path_to(flow.from), hierarchy.path_to(flow.to));
        let a = flow.from;
        let shared = from.iter().zip(&to).take_while(|(f, t)| f == t).count();
        let scope_above = |path: &[Item], depth: usize| match depth.checked_sub(1) {
            Some(above) => match path[above] {
                Item::Scope(id) => id,
                _ => ScopeId::ROOT,
            },
            None => ScopeId::ROOT,
        };
        let common = scope_above(&from, shared);
        add(
            common,
            End::Child(from[shared]),
            End::Child(to[shared]),
            &flow,
        );
        for depth in shared + 1..from.len() {
            let scope = scope_above(&from, depth);
            add(scope, End::Child(from[depth]), End::Out(a), &flow);
        }
        for depth in shared + 1..to.len() {
            let scope = scope_above(&to, depth);
            add(scope, End::In(a), End::Child(to[depth]), &flow);
        }
    }
    wires
}

/// The items with none beside them, were each drawn as high as its inputs let it. `order` is one in which data flows.
fn alone(order: &[Item], wires: &[Wire]) -> HashSet<Item> {
    let mut takes: HashMap<Item, Vec<Item>> = HashMap::new();
    for wire in wires {
        if let (End::Child(from), End::Child(to)) = (wire.from, wire.to) {
            takes.entry(to).or_default().push(from);
        }
    }
    let mut ranks: HashMap<Item, usize> = HashMap::with_capacity(order.len());
    let mut beside: HashMap<usize, usize> = HashMap::new();
    for item in order {
        let above = takes.get(item).into_iter().flatten();
        let above = above.filter_map(|from| ranks.get(from)).max();
        let rank = above.map_or(0, |rank| rank + 1);
        ranks.insert(*item, rank);
        *beside.entry(rank).or_default() += 1;
    }
    ranks.retain(|_, rank| beside.get(rank) == Some(&1));
    ranks.into_keys().collect()
}

impl Builder<'_> {
    fn draw(&mut self, scope: ScopeId) -> Inner {
        let wires = self.wires.remove(&scope).unwrap_or_default();
        let mut ends: Vec<End> = Vec::new();
        let mut sizes: Vec<Size> = Vec::new();
        let mut labels: Vec<Option<Label>> = Vec::new();
        let mut inners: HashMap<usize, Inner> = HashMap::new();
        let order = self.hierarchy.in_order(scope);
        let alone = alone(&order, &wires);
        for child in order {
            let widest = match alone.contains(&child) {
                true => WIDEST_ALONE,
                false => WIDEST,
            };
            let mut label = label(self.graph, self.hierarchy, child, widest);
            (self.relabel)(child, &mut label);
            let (mut width, mut height) = self.size(&label, child);
            if let Item::Scope(id) = child
                && self.open.contains(id)
            {
                let inner = self.draw(id);
                let title = cells(&label.head) + cells(&label.tail);
                width = (inner.size.0 + 4).max(title as i32 + 8);
                height = inner.size.1;
                inners.insert(ends.len(), inner);
            }
            ends.push(End::Child(child));
            sizes.push(Size {
                width: width | 1,
                height,
                pin: Pin::Free,
            });
            labels.push(Some(label));
        }
        let mut seen = HashSet::new();
        for end in wires.iter().flat_map(|w| [w.from, w.to]) {
            if matches!(end, End::Child(_)) || !seen.insert(end) {
                continue;
            }
            ends.push(end);
            sizes.push(Size {
                width: 1,
                height: 1,
                pin: if matches!(end, End::In(_)) {
                    Pin::Top
                } else {
                    Pin::Bottom
                },
            });
            labels.push(None);
        }
        widen(&ends, &wires, &mut sizes, self.detail);
        let links = links(&ends, &sizes, &wires, &inners);
        let drawing = lay_out(&sizes, &links, self.spacing());
        self.assemble(scope, &ends, labels, inners, &wires, drawing)
    }

    fn spacing(&self) -> Spacing {
        match self.detail {
            Detail::Full | Detail::Box => Spacing {
                across: 3,
                between: 1,
            },
            Detail::Line => Spacing {
                across: 3,
                between: 1,
            },
            Detail::Dot => Spacing {
                across: 2,
                between: 1,
            },
        }
    }

    fn size(&self, label: &Label, item: Item) -> (i32, i32) {
        let count = |text: &str| cells(text) as i32;
        let mark = i32::from(matches!(item, Item::Scope(_))) * 2;
        let tail = match count(&label.tail) {
            0 => 0,
            tail => tail + 1,
        };
        let line = count(&label.head) + tail + mark;
        match self.detail {
            Detail::Full => (line.max(count(&label.sub)).max(9) + 4, 4),
            Detail::Box => (line.max(5) + 4, 3),
            Detail::Line => (line + 2, 1),
            Detail::Dot => (1, 1),
        }
    }

    /// Places the scope's drawing and those inside it into one, with the frame's border around.
    fn assemble(
        &mut self,
        scope: ScopeId,
        ends: &[End],
        labels: Vec<Option<Label>>,
        mut inners: HashMap<usize, Inner>,
        wires: &[Wire],
        drawing: Drawing,
    ) -> Inner {
        let framed = scope != ScopeId::ROOT;
        let pinned = |wanted: fn(&End) -> bool| ends.iter().any(wanted);
        // Edges through the frame end in the rows of its border; without any the border still needs a row.
        let top = i32::from(framed && !pinned(|e| matches!(e, End::In(_))));
        let bottom = i32::from(framed && !pinned(|e| matches!(e, End::Out(_))));
        let mut whole = Inner {
            size: (drawing.width, drawing.height + top + bottom),
            ..Inner::default()
        };
        for (at, (end, label)) in ends.iter().zip(labels).enumerate() {
            let rect = drawing.boxes[at].moved(0, top);
            match (*end, label) {
                (End::Child(item), Some(label)) => {
                    whole.places.push(Place {
                        item,
                        rect,
                        open: inners.contains_key(&at),
                        label,
                    });
                    if let Some(inner) = inners.remove(&at) {
                        let (x, y) = (rect.x + inset(rect.width, inner.size.0), rect.y);
                        whole.places.extend(inner.places.into_iter().map(|p| Place {
                            rect: p.rect.moved(x, y),
                            ..p
                        }));
                        whole.lines.extend(inner.lines.into_iter().map(|mut line| {
                            line.points.iter_mut().for_each(|p| *p = (p.0 + x, p.1 + y));
                            line
                        }));
                    }
                }
                (End::In(item), _) => {
                    whole.ins.insert(item, rect.x);
                }
                (End::Out(item), _) => {
                    whole.outs.insert(item, rect.x);
                }
                _ => {}
            }
        }
        let mut nets = 0;
        let says = self.says(wires);
        for ((wire, edge), (says, says_first)) in wires.iter().zip(drawing.edges).zip(says) {
            nets = nets.max(edge.net + 1);
            whole.lines.push(Line {
                from: wire.source,
                to: wire.targets.clone(),
                points: edge.points.iter().map(|p| (p.0, p.1 + top)).collect(),
                back: edge.back,
                control: wire.value.is_none(),
                says,
                says_first,
                net: self.nets + edge.net,
                begins: matches!(wire.from, End::Child(_)),
                ends: matches!(wire.to, End::Child(_)),
            });
        }
        self.nets += nets;
        whole
    }

    /// The shape that stands beside each wire, and whether at its beginning.
    fn says(&self, wires: &[Wire]) -> Vec<(String, bool)> {
        let shape = |wire: &Wire| {
            let value = self.graph.value(wire.value?);
            value.shape.0.as_ref().map(|_| value.shape.to_string())
        };
        let shapes: Vec<Option<String>> = wires.iter().map(shape).collect();
        // Of each box the shape of all that leaves it; nothing where there are several.
        let mut common: HashMap<End, Option<&String>> = HashMap::new();
        for (wire, shape) in wires.iter().zip(&shapes).filter(|(_, s)| s.is_some()) {
            let all = common.entry(wire.from).or_insert(shape.as_ref());
            if *all != shape.as_ref() {
                *all = None;
            }
        }
        let mut told = HashSet::new();
        let words = wires.iter().zip(&shapes).map(|(wire, shape)| {
            let says_itself = match (wire.from, self.detail) {
                (End::Child(Item::Scope(id)), _) => self.open.contains(id),
                (End::Child(Item::Node(_)), Detail::Box) => false,
                _ => true,
            };
            let all = common.get(&wire.from).is_some_and(Option::is_some);
            match shape {
                Some(shape) if !says_itself && (!all || told.insert(wire.from)) => {
                    (shape.clone(), all)
                }
                _ => (String::new(), all),
            }
        });
        words.collect()
    }
}

/// Columns between the left side of a frame and the drawing inside.
fn inset(frame: i32, inner: i32) -> i32 {
    (frame - inner) / 2
}

/// Boxes with many inputs get room for them all, within reason.
fn widen(ends: &[End], wires: &[Wire], sizes: &mut [Size], detail: Detail) {
    const MOST: i32 = 60;
    if detail == Detail::Dot {
        return;
    }
    let mut entering: HashMap<End, i32> = HashMap::new();
    for wire in wires {
        *entering.entry(wire.to).or_default() += 1;
    }
    for (end, size) in ends.iter().zip(sizes) {
        if let (End::Child(_), Some(count)) = (end, entering.get(end)) {
            size.width = size.width.max((2 * count + 3).min(MOST)) | 1;
        }
    }
}

fn links(
    ends: &[End],
    sizes: &[Size],
    wires: &[Wire],
    inners: &HashMap<usize, Inner>,
) -> Vec<Link> {
    let index: HashMap<End, usize> = ends.iter().enumerate().map(|(i, e)| (*e, i)).collect();
    let through = |at: usize, ports: fn(&Inner) -> &HashMap<Item, i32>, source: Item| {
        let inner = inners.get(&at)?;
        let port = ports(inner).get(&source)?;
        Some(port + inset(sizes[at].width, inner.size.0))
    };
    wires
        .iter()
        .map(|wire| {
            let (from, to) = (index[&wire.from], index[&wire.to]);
            Link {
                from,
                to,
                out_at: through(from, |i| &i.outs, wire.source),
                in_at: through(to, |i| &i.ins, wire.source),
            }
        })
        .collect()
}

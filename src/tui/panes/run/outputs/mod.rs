//! What came out: drawn where it reads as an image, boxes or a signal; otherwise the largest values with their labels,
//! single values, or the spread of many. A key takes the next of the ways that apply.

mod boxes;
mod drawn;
mod values;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use self::boxes::Detector;
use crate::analysis::{self, Statistics};
use crate::error::Result;
use crate::feed::{self, ClassMap, Image, Ranked, Signal};
use crate::model::{Port, Tensor};
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::{panel, panel_note, put};

/// Rows of the largest values at most.
const TOP: usize = 10;
/// Of a histogram.
const BINS: usize = 64;

/// How outputs are looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub labels: Option<&'a [String]>,
    /// The first output that is shown.
    pub scroll: usize,
    pub chosen: &'a Chosen,
    /// Whether the key that takes the next way works on these.
    pub key: bool,
    pub focused: bool,
    pub theme: &'a Theme,
}

/// What a person chose to see of outputs, by their names; it stays from run to run.
#[derive(Default)]
pub struct Chosen(HashMap<String, Kind>);

/// The ways of looking at an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boxes,
    List,
    Image,
    Classes,
    Line,
    Single,
    Largest,
    Spread,
    Numbers,
    /// The integers of a quantized output.
    Stored,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Boxes => "boxes",
            Kind::List => "list",
            Kind::Image => "image",
            Kind::Classes => "classes",
            Kind::Line => "line",
            Kind::Single => "value",
            Kind::Largest => "largest",
            Kind::Spread => "spread",
            Kind::Numbers => "numbers",
            Kind::Stored => "stored",
        }
    }
}

/// A way of looking with what it takes.
enum Way {
    Boxes(Arc<Detector>),
    List(Arc<Detector>),
    Image(Box<Image>),
    Classes(Box<ClassMap>),
    Line(Box<Signal>),
    Single,
    /// The largest values with their indices; whether all are probabilities.
    Largest(Vec<Ranked>, bool),
    Spread(Box<Statistics>),
    Numbers,
    Stored,
}

impl Way {
    fn kind(&self) -> Kind {
        match self {
            Way::Boxes(_) => Kind::Boxes,
            Way::List(_) => Kind::List,
            Way::Image(_) => Kind::Image,
            Way::Classes(_) => Kind::Classes,
            Way::Line(_) => Kind::Line,
            Way::Single => Kind::Single,
            Way::Largest(..) => Kind::Largest,
            Way::Spread(_) => Kind::Spread,
            Way::Numbers => Kind::Numbers,
            Way::Stored => Kind::Stored,
        }
    }
}

/// An output and what is shown of it: found once, in the thread of the run.
pub struct Given {
    name: String,
    title: String,
    own: Stored,
    /// The one item of a batch that is looked at, where it is more than a number.
    item: Option<Stored>,
    /// Every way that applies, the likeliest first.
    ways: Vec<Way>,
}

/// Values as a run gives them.
struct Stored {
    /// As real numbers.
    real: Tensor,
    /// The integers that these are stored as, where they are quantized.
    raw: Option<Tensor>,
}

/// One item of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Item {
    pub at: usize,
    /// 1 where there is no batch.
    pub count: usize,
}

impl Item {
    /// Item `at`, or the last one, of what all inputs have as many of along their first axes: 2 or more.
    pub fn of(inputs: &[(String, Tensor)], at: usize) -> Item {
        let mut firsts = inputs.iter().map(|(_, tensor)| tensor.shape().first());
        let count = match firsts.next().flatten() {
            Some(&first) if firsts.all(|other| other == Some(&first)) => first.max(1),
            _ => 1,
        };
        Item {
            at: at.min(count - 1),
            count,
        }
    }

    /// The part of a tensor that is the item's, with a first axis of 1; `None` for a tensor that is no batch of this
    /// size.
    pub fn part(self, tensor: &Tensor) -> Option<Tensor> {
        if self.count < 2 || tensor.shape().first() != Some(&self.count) {
            return None;
        }
        let rest = tensor.shape()[1..].iter().map(|&size| (0, size));
        let extents: Vec<(usize, usize)> = std::iter::once((self.at, 1)).chain(rest).collect();
        tensor.cut(&extents).ok()
    }
}

impl Given {
    /// Any tensor with a name; a port of this name tells how it is quantized.
    pub fn of((name, tensor): &(String, Tensor), ports: &[Port], item: Item) -> Result<Given> {
        let port = ports.iter().find(|p| *p.name == **name);
        let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
        let title = format!(
            "{}  {} {}",
            text::clean(name),
            tensor.dtype(),
            shape.join("×")
        );
        let mut title = title.trim_end().to_owned();
        let real = feed::dequantized(tensor, port.and_then(|p| p.quantization.as_ref()))?;
        let raw = matches!(real, Cow::Owned(_)).then(|| tensor.clone());
        let part = item.part(&real).filter(|part| part.len() > 1);
        let mut ways = ways(&real, part.as_ref());
        ways.extend(raw.as_ref().map(|_| Way::Stored));
        if part.is_some() {
            title += &format!("  item {} of {}", item.at + 1, item.count);
        }
        Ok(Given {
            name: name.clone(),
            title,
            ways,
            item: part.map(|real| Stored {
                real,
                raw: raw.as_ref().and_then(|raw| item.part(raw)),
            }),
            own: Stored {
                real: real.into_owned(),
                raw,
            },
        })
    }

    /// What is looked at where one item is: that, otherwise all.
    fn seen(&self) -> &Stored {
        self.item.as_ref().unwrap_or(&self.own)
    }

    /// All outputs of a run; before those of a detector what they say together, over the image among the inputs.
    pub fn all(
        outputs: &[(String, Tensor)],
        ports: &[Port],
        inputs: &[(String, Tensor)],
        item: Item,
    ) -> Result<Vec<Given>> {
        let given = outputs.iter().map(|output| Given::of(output, ports, item));
        let mut given: Vec<Given> = given.collect::<Result<_>>()?;
        let parts = given.iter().map(|g| item.part(&g.own.real));
        let parts: Vec<Option<Tensor>> = parts.collect();
        let named = given.iter().zip(&parts);
        let named = named.map(|(g, part)| (&*g.name, part.as_ref().unwrap_or(&g.own.real)));
        if let Some(detections) = feed::detections(&named.collect::<Vec<_>>()) {
            let inputs = inputs.iter().map(|(name, tensor)| {
                let part = item.part(tensor).unwrap_or_else(|| tensor.clone());
                (name.clone(), part)
            });
            let detector = Arc::new(Detector::new(detections, &inputs.collect::<Vec<_>>()));
            let together = Given {
                name: String::new(),
                title: detector.title(),
                own: Stored {
                    real: Tensor::from_values::<f32>(&[0], &[]),
                    raw: None,
                },
                item: None,
                ways: vec![Way::Boxes(detector.clone()), Way::List(detector)],
            };
            given.insert(0, together);
        }
        Ok(given)
    }

    fn statistics(&self) -> Option<&Statistics> {
        self.ways.iter().find_map(|way| match way {
            Way::Spread(statistics) => Some(&**statistics),
            _ => None,
        })
    }

    /// Rows that it would like to have at this width.
    fn height(&self, way: &Way, wide: u16) -> u16 {
        let real = &self.seen().real;
        let row = real.shape().last().copied();
        match way {
            Way::Boxes(detector) => drawn::height(detector.extent(), wide),
            Way::List(detector) => detector.rows(),
            Way::Image(image) => drawn::height((image.height, image.width), wide),
            Way::Classes(map) => drawn::height((map.height, map.width), wide),
            Way::Line(signal) => signal.channels.len() as u16 * 10,
            _ if real.len() <= 1 => 1,
            _ => row.unwrap_or(real.len()).min(TOP) as u16 + 1,
        }
    }
}

/// The ways that apply to real numbers, the likeliest first; to one item of a batch, where that is looked at, those that
/// are of one, to all of it numbers and how they spread.
fn ways(all: &Tensor, item: Option<&Tensor>) -> Vec<Way> {
    let real = item.unwrap_or(all);
    if real.strings().is_some() || real.number(0).is_none() {
        return vec![Way::Numbers];
    }
    if real.len() == 1 {
        return vec![Way::Single];
    }
    let row = real.shape().last().copied().unwrap_or(1);
    let spread = || Way::Spread(Box::new(analysis::statistics(all, BINS)));
    let mut ways = match real.rank() <= 2 && row <= 100_000 && real.len() == row {
        true => {
            let mut numbers = (0..real.len()).filter_map(|at| real.number(at));
            let probabilities = numbers.all(|v| (0.0..=1.0001).contains(&v));
            let largest = Way::Largest(feed::top_k(real, None, TOP), probabilities);
            vec![largest, Way::Numbers, spread()]
        }
        false => vec![spread(), Way::Numbers],
    };
    let mut add = |way: Way, likely: bool| match likely {
        true => ways.insert(0, way),
        false => ways.push(way),
    };
    if let Some(signal) = Signal::of(real) {
        let likely = signal.likely;
        add(Way::Line(Box::new(signal)), likely);
    }
    if let Some(image) = Image::of(real) {
        let likely = image.likely;
        add(Way::Image(Box::new(image)), likely);
    }
    if let Some(map) = ClassMap::of(real) {
        let likely = map.likely;
        add(Way::Classes(Box::new(map)), likely);
    }
    ways
}

impl Chosen {
    /// How an output is looked at.
    fn way<'g>(&self, given: &'g Given) -> &'g Way {
        let chosen = self.0.get(&given.name);
        let found = chosen.and_then(|kind| given.ways.iter().find(|way| way.kind() == *kind));
        found.unwrap_or(&given.ways[0])
    }

    /// The way after the one in which it is looked at; `None` where there is but one.
    fn after(&self, given: &Given) -> Option<Kind> {
        let now = self.way(given).kind();
        let at = given.ways.iter().position(|way| way.kind() == now)?;
        let next = given.ways[(at + 1) % given.ways.len()].kind();
        (next != now).then_some(next)
    }

    /// Takes the next way of looking at the output that is shown first; whether there is one.
    pub fn next(&mut self, outputs: &[Given], scroll: usize) -> bool {
        let given = outputs.get(first(outputs, scroll));
        let Some((given, next)) = given.and_then(|g| Some((g, self.after(g)?))) else {
            return false;
        };
        self.0.insert(given.name.clone(), next);
        true
    }
}

/// The output that is shown first.
fn first(outputs: &[Given], scroll: usize) -> usize {
    scroll.min(outputs.len().saturating_sub(1))
}

/// Every output in a box of its own, as many as there is room for.
pub fn render(area: Rect, outputs: &[Given], look: Look, buf: &mut Buffer) {
    let skip = first(outputs, look.scroll);
    let shown = &outputs[skip..];
    let heights = heights(area, shown, look);
    let mut rest = area;
    for (at, (given, &high)) in shown.iter().zip(&heights).enumerate() {
        let own = Rect {
            height: high,
            ..rest
        };
        rest = Rect {
            y: rest.y + high,
            height: rest.height - high,
            ..rest
        };
        one(own, given, look, buf);
        // The key works on the first.
        if at == 0 {
            note(own, given, look, shown.len() - heights.len(), buf);
        }
    }
}

/// Rows of the boxes that there is room for, one below the other.
fn heights(area: Rect, outputs: &[Given], look: Look) -> Vec<u16> {
    /// Of a box with one row.
    const LEAST: u16 = 3;
    let mut heights = Vec::new();
    let mut rest = area.height;
    for (at, given) in outputs.iter().enumerate() {
        let way = look.chosen.way(given);
        let wanted = given.height(way, area.width.saturating_sub(4)) + 2;
        let most = match way.kind() {
            // They tell what the outputs that follow hold.
            Kind::Boxes | Kind::List => rest,
            Kind::Image | Kind::Classes | Kind::Line => rest * 2 / 3,
            _ => rest / 2,
        };
        let high = match at + 1 == outputs.len() {
            true => rest,
            false => wanted.min(most).max(LEAST),
        };
        if high > rest || rest < LEAST {
            break;
        }
        heights.push(high);
        rest -= high;
    }
    // What is left over is too little for the next.
    if let Some(high) = heights.first_mut() {
        *high += rest;
    }
    heights
}

/// What the key shows it as, and how many outputs there was no room for.
fn note(area: Rect, given: &Given, look: Look, hidden: usize, buf: &mut Buffer) {
    let item = given.item.as_ref().map(|_| "] item".to_owned());
    let next = look.chosen.after(given).filter(|_| look.key);
    let next = next.map(|next| format!("v {}", next.name()));
    let hidden = match (hidden, look.focused) {
        (0, _) => None,
        (_, true) => Some(format!("↓ {hidden} more")),
        (_, false) => Some(format!("Tab ↓ {hidden} more")),
    };
    let words: Vec<String> = item.into_iter().chain(next).chain(hidden).collect();
    panel_note(&words.join(" · "), area, buf, look.theme[Role::Dim]);
}

fn one(area: Rect, given: &Given, look: Look, buf: &mut Buffer) {
    let theme = look.theme;
    let inner = panel(given.title.as_str(), area, buf, theme, look.focused);
    let all = &given.own;
    let (real, stored) = (&given.seen().real, given.seen().raw.as_ref());
    match look.chosen.way(given) {
        Way::Boxes(detector) => detector.render(inner, look.labels, buf, theme),
        Way::List(detector) => detector.list(inner, look.labels, buf, theme),
        Way::Image(image) => {
            drawn::image(inner, image, given.statistics(), buf, theme);
        }
        Way::Classes(map) => drawn::classes(inner, map, look.labels, buf, theme),
        Way::Line(signal) => drawn::signal(inner, signal, buf, theme),
        Way::Numbers => grid::numbers(inner, &all.real, Corner::default(), buf, theme),
        Way::Stored => {
            let stored = all.raw.as_ref().unwrap_or(&all.real);
            grid::numbers(inner, stored, Corner::default(), buf, theme);
        }
        Way::Single => {
            let mut line = Line::styled(real.element_text(0), theme[Role::Strong]);
            if let Some(stored) = stored {
                let words = format!("   stored {}", stored.element_text(0));
                line.push_span(Span::styled(words, theme[Role::Dim]));
            }
            put(inner, 0, line, buf);
        }
        Way::Largest(ranked, probabilities) => {
            let rows = (inner.height as usize).saturating_sub(1).max(1);
            let ranked = &ranked[..ranked.len().min(rows)];
            let labels = look.labels.filter(|l| l.len() >= real.len());
            let more = real.len() - ranked.len();
            let told = (*probabilities, stored);
            values::top(inner, (ranked, more), told, labels, buf, theme);
        }
        Way::Spread(statistics) => values::many(inner, &all.real, statistics, buf, theme),
    }
}

#[cfg(test)]
mod tests;

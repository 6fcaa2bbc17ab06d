//! What the stored values say: NaN, nothing but zeros, dead channels, clipped ranges, the same twice.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Finding, Kind, Severity, Spot, listed, plural};
use crate::analysis::sizes::{Place, Stored, TensorRow, stored, tensors};
use crate::analysis::usage::{Usage, Use};
use crate::error::Result;
use crate::model::shape::element_count;
use crate::model::{DType, Element, Format, Model, Quantization, Tensor, Variable, VariableRole};
use crate::progress::Progress;
use crate::sort;

/// Constants below this size are shapes, axes and limits, where zeros, equals and infinities mean nothing.
const SMALL: u64 = 64;
/// A batch norm's factor below this takes its channel away.
const NO_GAMMA: f64 = 1e-6;
/// Share of zeros from which it is worth a word.
const SPARSE: f64 = 0.5;
/// Share of values at the ends of an integer range that a calibration with room would not leave.
const CLIPPED: f64 = 0.05;

/// Findings from the values, the gravest first. Reads every weight, a few megabytes at a time.
///
/// # Errors
/// Only when stopped.
pub fn weights_health(model: &Model, usage: &Usage, progress: &Progress) -> Result<Vec<Finding>> {
    let rows: Vec<TensorRow> = tensors(model)
        .into_iter()
        .filter(|row| {
            !row.shared
                && !row.sparse
                && (row.dtype.is_float() || row.dtype.is_integer())
                && variable(model, &row.place).is_none_or(|v| v.role != VariableRole::Bookkeeping)
        })
        .collect();
    progress.stage("reading weights", rows.len() as u64);
    let mut found = Found::default();
    for row in &rows {
        let used = usage.uses(&row.place);
        if let Err(error) = found.stored(model, row, used, progress) {
            progress.check()?;
            found.unreadable += 1;
            let finding = Finding::new(Severity::Bad, Kind::Damage, error.to_string());
            found.findings.push(
                finding
                    .advise("get the model again from where it came from")
                    .about(vec![Spot::stored(&row.name, &row.place)]),
            );
        }
        progress.step(1)?;
    }
    Ok(found.finish(model, rows.len()))
}

fn variable<'m>(model: &'m Model, place: &Place) -> Option<&'m Variable> {
    match place {
        Place::Variable(id) => model.variables.get(id.0 as usize),
        _ => None,
    }
}

/// A tensor, its bytes, and whether an operator takes it.
type Duplicate = (Spot, u64, bool);

/// A tensor and a number about it.
type Counted = (Spot, usize, usize);

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    unreadable: usize,
    not_finite: Vec<Counted>,
    masks: Vec<Counted>,
    zero: Vec<(Spot, u64)>,
    dead: Vec<Counted>,
    no_gamma: Vec<Counted>,
    clipped: Vec<Counted>,
    sparse: Vec<(Spot, u64)>,
    zeros: u64,
    weights: u64,
    by_content: HashMap<(u64, u64), Vec<Duplicate>>,
}

impl Found {
    /// Walks over the values of a tensor, a piece at a time.
    fn stored(
        &mut self,
        model: &Model,
        row: &TensorRow,
        uses: &[Use],
        progress: &Progress,
    ) -> Result<()> {
        let stored = stored(model, &row.place)?;
        let kernel = uses.iter().find_map(|u| channels(u, &stored.sizes));
        let quantization = row
            .place
            .constant(model)
            .and_then(|v| v.quantization.as_deref());
        // Made with the first piece: by then the sizes are known to be those of the values.
        let mut walk = None;
        stored.pieces(|start, piece| {
            let new = || Walk::new(&stored, kernel, &zero_points(quantization));
            walk.get_or_insert_with(new).piece(start, piece);
            progress.check()
        })?;
        if let Some(walk) = walk {
            self.tensor(model, row, uses, &walk);
        }
        Ok(())
    }

    fn tensor(&mut self, model: &Model, row: &TensorRow, uses: &[Use], walk: &Walk) {
        let spot = || Spot::stored(&row.name, &row.place);
        let (look, count) = (&walk.look, walk.count);
        let quantization = row
            .place
            .constant(model)
            .and_then(|v| v.quantization.as_deref());
        let large = row.bytes > SMALL;
        if look.nan + look.infinite > 0 {
            // Infinities in constants are masks and limits.
            let mask = look.nan == 0 && variable(model, &row.place).is_none();
            match mask {
                true if !large => {}
                true => self.masks.push((spot(), look.infinite, count)),
                false => {
                    let odd = look.nan + look.infinite;
                    self.not_finite.push((spot(), odd, count));
                }
            }
        }
        let weight = row.dtype.is_float() || quantization.is_some_and(Quantization::is_active);
        let matrix = walk.rank >= 2 && large && weight;
        // A state that begins with zeros is no weight.
        let trained = walk.channels.is_some() || uses.iter().any(is_lookup);
        if matrix && look.zeros == count {
            if trained {
                self.zero.push((spot(), row.bytes));
            }
        } else if matrix {
            if walk.channels.is_some() {
                self.zeros += look.zeros as u64;
                self.weights += count as u64;
                if look.zeros as f64 >= SPARSE * count as f64 {
                    self.sparse.push((spot(), row.bytes));
                }
            }
            let dead = look.live.iter().filter(|live| !**live).count();
            if dead > 0 {
                self.dead.push((spot(), dead, look.live.len()));
            }
            if walk.is_clipped(quantization) {
                self.clipped.push((spot(), look.at_ends, count));
            }
        }
        // An optimizer's moments of a gamma bear its name and are no gamma.
        let moment = variable(model, &row.place).is_some_and(|v| v.role == VariableRole::Optimizer);
        let gamma = !moment && is_gamma(row, uses) && row.dtype.is_float();
        if gamma && look.near_zero > 0 {
            self.no_gamma.push((spot(), look.near_zero, count));
        }
        if large && !look.same {
            let group = self.by_content.entry(walk.content()).or_default();
            group.push((spot(), row.bytes, !uses.is_empty()));
        }
    }

    fn finish(self, model: &Model, rows: usize) -> Vec<Finding> {
        let mut all = self.findings;
        let finite = self.unreadable == 0 && self.not_finite.is_empty();
        let lists = [
            (
                self.not_finite,
                Severity::Bad,
                Kind::NotFinite,
                "values NaN or infinite",
                "the model answers NaN: take an earlier checkpoint, train with a smaller step or clipped gradients",
            ),
            (
                self.masks,
                Severity::Note,
                Kind::NotFinite,
                "values infinite",
                "a mask as a rule; it turns into NaN where it is multiplied or quantized",
            ),
            (
                self.dead,
                Severity::Note,
                Kind::DeadChannels,
                "channels dead (all weights zero)",
                "cut these channels here and where they are taken: same answers, less work",
            ),
            (
                self.no_gamma,
                Severity::Note,
                Kind::DeadChannels,
                "channels switched off by a batch norm (gamma is 0)",
                "cut these channels: they give the same value for every input",
            ),
            (
                self.clipped,
                Severity::Note,
                Kind::Saturation,
                "values at the end of the integer range",
                "the range was cut too narrow: calibrate with more samples or quantize per channel",
            ),
        ];
        for (list, severity, kind, what, advice) in lists {
            all.extend(counted(list, severity, kind, what).map(|f| f.advise(advice)));
        }
        all.extend(all_zero(self.zero));
        all.extend(sparsity(self.sparse, self.zeros, self.weights));
        all.extend(duplicates(model, self.by_content.into_values()));
        if finite && rows > 0 {
            let what = match rows {
                1 => "the only tensor is finite".to_owned(),
                n => format!("all {n} tensors finite"),
            };
            all.push(Finding::new(Severity::Fine, Kind::NotFinite, what));
        }
        sort::by_key(&mut all, |f| std::cmp::Reverse(f.severity));
        all
    }
}

/// One line for all tensors of a kind: `conv/kernel: 3 of 32 channels dead`, `4 tensors with …`.
fn counted(list: Vec<Counted>, severity: Severity, kind: Kind, what: &str) -> Option<Finding> {
    let text = match &list[..] {
        [] => return None,
        [(spot, n, of)] => format!("{}: {n} of {of} {what}", spot.name),
        [(worst, n, of), ..] => {
            let others = plural(list.len() - 1, "other tensor");
            format!(
                "{} and {others}: {n} of {of} {what}, in the first",
                worst.name
            )
        }
    };
    let spots = list.into_iter().map(|(spot, ..)| spot).collect();
    Some(Finding::new(severity, kind, text).about(spots))
}

fn all_zero(list: Vec<(Spot, u64)>) -> Option<Finding> {
    let names = listed(list.iter().map(|(spot, _)| spot.name.as_str()));
    let bytes = list.iter().map(|(_, bytes)| bytes).sum();
    let text = format!(
        "{} nothing but zeros: {names}",
        plural(list.len(), "tensor")
    );
    (!list.is_empty()).then(|| {
        Finding::new(Severity::Note, Kind::AllZero, text)
            .advise("if training should have changed it, it was not trained or not saved; else cut it out")
            .about(list.into_iter().map(|(spot, _)| spot).collect())
            .sparing(bytes)
    })
}

fn sparsity(list: Vec<(Spot, u64)>, zeros: u64, weights: u64) -> Option<Finding> {
    let share = zeros as f64 / weights.max(1) as f64;
    if share < SPARSE {
        return None;
    }
    let share = 100.0 * share;
    let names = listed(list.iter().map(|(spot, _)| spot.name.as_str()));
    let text = format!("{share:.0} % of the kernels' weights are zero, most in {names}");
    let finding = Finding::new(Severity::Note, Kind::Sparsity, text)
        .advise("if it was pruned: stored sparse or compressed it takes less room")
        .about(list.into_iter().map(|(spot, _)| spot).collect());
    Some(finding)
}

/// What copies must come to before they are worth a word: this many bytes and this share of the model.
const LEAST_COPIES: u64 = 1024;
const LEAST_SHARE: f64 = 0.01;

fn duplicates(model: &Model, groups: impl Iterator<Item = Vec<Duplicate>>) -> Option<Finding> {
    let spare = |group: &[Duplicate]| group.iter().skip(1).map(|(_, b, _)| b).sum::<u64>();
    let mut groups: Vec<Vec<Duplicate>> = groups
        .map(|mut group| {
            // A copy that nothing takes is a finding of its own.
            if group.iter().any(|(.., used)| *used) {
                group.retain(|(.., used)| *used);
            }
            group
        })
        .filter(|group| group.len() > 1)
        .collect();
    sort::by(&mut groups, |a, b| {
        let names = || a[0].0.name.cmp(&b[0].0.name);
        spare(b).cmp(&spare(a)).then_with(names)
    });
    let bytes: u64 = groups.iter().map(|g| spare(g)).sum();
    if bytes < LEAST_COPIES || (bytes as f64) < LEAST_SHARE * model.total_bytes() as f64 {
        return None;
    }
    let first = groups.first()?;
    let names = listed(first.iter().map(|(spot, ..)| spot.name.as_str()));
    let text = match groups.len() {
        1 => format!("the same values stored {} times: {names}", first.len()),
        n => format!("{n} tensors stored more than once, the largest as {names}"),
    };
    let advice = match model.format {
        Format::SavedModel => "let the layers share one variable, or export for serving only",
        Format::Tflite => "let the tensors share one buffer: convert again here",
    };
    let spots = groups.into_iter().flatten().map(|(spot, ..)| spot);
    Some(
        Finding::new(Severity::Note, Kind::Duplicates, text)
            .advise(advice)
            .about(spots.collect())
            .sparing(bytes),
    )
}

/// Output channels of a kernel: how many, and how many elements of one lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Channels {
    count: usize,
    inner: usize,
}

fn channels(used: &Use, shape: &[usize]) -> Option<Channels> {
    let last = shape.len().checked_sub(1)?;
    let axis = match (&*used.op, used.slot) {
        ("Conv2D" | "Conv3D" | "Conv", 1) => last,
        ("Conv2DBackpropInput" | "Conv3DBackpropInputV2", 1) => last.checked_sub(1)?,
        ("DepthwiseConv2dNative", 1) => {
            let [_, _, channels, multiplier] = shape else {
                return None;
            };
            let count = channels.checked_mul(*multiplier)?;
            return Some(Channels { count, inner: 1 });
        }
        ("MatMul" | "BatchMatMulV2", 1) if shape.len() == 2 => usize::from(!used.transposed),
        ("CONV_2D" | "TRANSPOSE_CONV" | "FULLY_CONNECTED", 1) => 0,
        ("DEPTHWISE_CONV_2D", 1) | ("CONV_3D", 1) => last,
        _ => return None,
    };
    Some(Channels {
        count: *shape.get(axis)?,
        inner: element_count(shape.get(axis + 1..)?)?,
    })
}

/// Tables of rows.
fn is_lookup(used: &Use) -> bool {
    let op = &*used.op;
    op.contains("Gather") || matches!(op, "GATHER" | "EMBEDDING_LOOKUP")
}

fn is_gamma(row: &TensorRow, uses: &[Use]) -> bool {
    let named = row.name.rsplit('/').next() == Some("gamma");
    let slot = |u: &Use| u.op.starts_with("FusedBatchNorm") && u.slot == 1;
    row.shape.rank() == Some(1) && (named || uses.iter().any(slot))
}

/// What stands for zero: per tensor or per index of an axis; one zero for plain values.
fn zero_points(quantization: Option<&Quantization>) -> Vec<i64> {
    match quantization {
        Some(q) if !q.zero_point.is_empty() => q.zero_point.clone(),
        _ => vec![0],
    }
}

/// What the values are like.
#[derive(Debug, Default, PartialEq)]
struct Look {
    nan: usize,
    infinite: usize,
    zeros: usize,
    /// Below [`NO_GAMMA`], in a vector.
    near_zero: usize,
    /// At the smallest or largest number of an integer type.
    at_ends: usize,
    /// Every value is the same.
    same: bool,
    /// Channels with a value that is not zero.
    live: Vec<bool>,
}

/// One walk over the values of a tensor, piece after piece.
struct Walk {
    dtype: DType,
    rank: usize,
    count: usize,
    channels: Option<Channels>,
    /// What stands for zero.
    zero: f64,
    first: Option<f64>,
    look: Look,
    /// With different seeds: equal ones of both mean equal values.
    hashes: [DefaultHasher; 2],
}

impl Walk {
    fn new(stored: &Stored, channels: Option<Channels>, zeros: &[i64]) -> Self {
        let hashes = [0u8, 1].map(|seed| {
            let mut hasher = DefaultHasher::new();
            (seed, stored.dtype, &stored.sizes).hash(&mut hasher);
            hasher
        });
        Walk {
            dtype: stored.dtype,
            rank: stored.sizes.len(),
            count: stored.sizes.iter().product(),
            channels,
            // Kernels have one zero point or one that is the same for all channels.
            zero: zeros.first().copied().unwrap_or(0) as f64,
            first: None,
            look: Look {
                same: true,
                live: vec![false; channels.map_or(0, |c| c.count)],
                ..Look::default()
            },
            hashes,
        }
    }

    /// Two hashes of type, sizes and values.
    fn content(&self) -> (u64, u64) {
        (self.hashes[0].finish(), self.hashes[1].finish())
    }

    #[inline(always)]
    fn see(&mut self, index: usize, v: f64, end: bool) {
        let look = &mut self.look;
        look.nan += usize::from(v.is_nan());
        look.infinite += usize::from(v.is_infinite());
        if self.rank == 1 {
            look.near_zero += usize::from(v.abs() < NO_GAMMA);
        }
        look.at_ends += usize::from(end);
        look.same &= *self.first.get_or_insert(v) == v;
        if v == self.zero {
            look.zeros += 1;
        } else if let Some(channels) = self.channels
            && !look.live.is_empty()
        {
            let channel = index / channels.inner.max(1) % look.live.len();
            look.live[channel] = true;
        }
    }

    /// Looks at the values from index `start` on.
    fn piece(&mut self, start: usize, piece: &Tensor) {
        for hasher in &mut self.hashes {
            hasher.write(piece.bytes().unwrap_or_default());
        }
        match piece.dtype() {
            DType::Float32 => each(piece, |i, v: f32| self.see(start + i, f64::from(v), false)),
            // Symmetric ranges leave the smallest number out.
            DType::Int8 => each(piece, |i, v: i8| {
                self.see(start + i, f64::from(v), v <= -127 || v == 127)
            }),
            DType::UInt8 => each(piece, |i, v: u8| {
                self.see(start + i, f64::from(v), v == 0 || v == 255)
            }),
            DType::Int16 => each(piece, |i, v: i16| {
                self.see(start + i, f64::from(v), v <= -32767 || v == 32767)
            }),
            _ => (0..piece.len()).for_each(|i| {
                if let Some(v) = piece.number(i) {
                    self.see(start + i, v, false);
                }
            }),
        }
    }

    /// More values at the ends than the one or two of each channel that set its scale.
    fn is_clipped(&self, quantization: Option<&Quantization>) -> bool {
        let Some(q) = quantization.filter(|q| q.is_active()) else {
            return false;
        };
        let natural = 3 * q.scale.len().max(1);
        self.count > 256
            && matches!(self.dtype, DType::Int8 | DType::UInt8 | DType::Int16)
            && self.look.at_ends as f64 > CLIPPED * self.count as f64 + natural as f64
    }
}

fn each<T: Element>(tensor: &Tensor, mut see: impl FnMut(usize, T)) {
    let values = tensor.values::<T>().unwrap_or_default();
    values.iter().enumerate().for_each(|(i, &v)| see(i, v));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{
        add, argument, constant, main_graph, model, subgraph, variable,
    };
    use crate::model::VariableId;

    fn texts(model: &Model) -> Vec<String> {
        let all = weights_health(model, &Usage::of(model), &Progress::new()).unwrap();
        let worth = all.into_iter().filter(|f| f.severity > Severity::Fine);
        worth.map(|f| f.text).collect()
    }

    /// `x op w` with `w` a variable of the bundle, and more variables that nothing takes.
    fn stored(op: &str, w: &Tensor, more: &[(&str, &Tensor)]) -> Model {
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1, 4]);
        let handle = add(&mut main, "w", "VariableV2", &[], &[]);
        main.nodes.last_mut().unwrap().variable = Some(VariableId(0));
        let y = add(&mut main, "y", op, &[x, handle], &[-1, 4]);
        let mut made = model(vec![main], &[x], &[y]);
        made.variables = vec![variable("w", VariableRole::Weight, w)];
        let more = more
            .iter()
            .map(|(name, t)| variable(name, VariableRole::Weight, t));
        made.variables.extend(more);
        made
    }

    fn counting(count: usize) -> Vec<f32> {
        (1..=count).map(|v| v as f32).collect()
    }

    #[test]
    fn nan_in_a_variable_is_bad_and_infinity_in_a_small_constant_is_not() {
        let mut values = counting(32);
        values[3] = f32::NAN;
        values[4] = f32::INFINITY;
        let w = Tensor::from_values(&[4, 8], &values);
        assert_eq!(
            texts(&stored("MatMul", &w, &[])),
            ["w: 2 of 32 values NaN or infinite"]
        );
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1]);
        let least = constant(
            &mut main,
            "c",
            &Tensor::from_values(&[], &[f32::NEG_INFINITY]),
        );
        let y = add(&mut main, "y", "Maximum", &[x, least], &[-1]);
        assert_eq!(texts(&model(vec![main], &[x], &[y])), [""; 0]);
    }

    #[test]
    fn dead_channels_lie_along_the_axis_of_the_operator() {
        // Columns 1 and 3 of 4×8.
        let values: Vec<f32> = (0..32)
            .map(|i| {
                if [1, 3].contains(&(i % 8)) {
                    0.0
                } else {
                    i as f32 + 1.0
                }
            })
            .collect();
        let w = Tensor::from_values(&[4, 8], &values);
        assert_eq!(
            texts(&stored("MatMul", &w, &[])),
            ["w: 2 of 8 channels dead (all weights zero)"]
        );
        assert_eq!(
            texts(&stored("GatherV2", &w, &[])),
            [""; 0],
            "a table has no channels"
        );
        let mut made = stored("MatMul", &w, &[]);
        let node = made.meta_graphs[0].graphs[0].nodes.last_mut().unwrap();
        node.attrs
            .set("transpose_b", crate::model::Attr::Bool(true));
        assert_eq!(texts(&made), [""; 0], "rows are the channels");
    }

    #[test]
    fn a_filter_of_tflite_has_its_channels_first() {
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Int8, &[1, 4, 4, 10]);
        let values: Vec<i8> = (0..100)
            .map(|i| if i / 10 == 2 { 3 } else { (i % 100) as i8 + 4 })
            .collect();
        let w = constant(
            &mut main,
            "w",
            &Tensor::from_values(&[10, 1, 1, 10], &values),
        );
        main.value_mut(w).quantization = Some(Quantization::per_tensor(0.1, 3).into());
        let y = add(&mut main, "y", "CONV_2D", &[x, w], &[1, 4, 4, 10]);
        main.outputs = vec![Some(y)];
        assert_eq!(
            texts(&model(vec![main], &[x], &[y])),
            ["w: 1 of 10 channels dead (all weights zero)"]
        );
    }

    #[test]
    fn zeros_sparsity_and_gamma() {
        let zeros = Tensor::from_values(&[4, 8], &[0f32; 32]);
        assert_eq!(
            texts(&stored("MatMul", &zeros, &[])),
            ["1 tensor nothing but zeros: w"]
        );
        let sparse: Vec<f32> = (0..32)
            .map(|i| {
                if (i / 8 + i % 8) % 2 == 0 {
                    0.0
                } else {
                    i as f32
                }
            })
            .collect();
        let sparse = Tensor::from_values(&[4, 8], &sparse);
        assert_eq!(
            texts(&stored("MatMul", &sparse, &[])),
            ["50 % of the kernels' weights are zero, most in w"]
        );
        let w = Tensor::from_values(&[4, 8], &counting(32));
        let gamma = Tensor::from_values(&[4], &[1.0f32, 0.0, 1e-9, 0.5]);
        let mut model = stored("MatMul", &w, &[("bn/gamma", &gamma)]);
        assert_eq!(
            texts(&model),
            ["bn/gamma: 2 of 4 channels switched off by a batch norm (gamma is 0)"]
        );
        for moment in model
            .variables
            .iter_mut()
            .filter(|v| &*v.name == "bn/gamma")
        {
            moment.role = VariableRole::Optimizer;
        }
        assert!(texts(&model).is_empty());
    }

    #[test]
    fn equal_tensors_are_one_line_with_what_could_go() {
        // Nothing takes any of them.
        let w = Tensor::from_values(&[32, 16], &counting(512));
        let ones = Tensor::from_values(&[512], &[1f32; 512]);
        let mut made = stored("MatMul", &w, &[("copy", &w), ("a", &ones), ("b", &ones)]);
        assert_eq!(texts(&made), [""; 0], "the copy alone is unused");
        made.meta_graphs[0].signatures.clear();
        let all = weights_health(&made, &Usage::of(&made), &Progress::new()).unwrap();
        assert_eq!(all[0].text, "the same values stored 2 times: w, copy");
        assert_eq!(all[0].spare_bytes, Some(2048));
        let other: Vec<f32> = counting(512).iter().map(|v| -v).collect();
        let other = Tensor::from_values(&[32, 16], &other);
        let made = stored("MatMul", &w, &[("copy", &w), ("a", &other), ("b", &other)]);
        assert_eq!(texts(&made), ["the same values stored 2 times: a, b"]);
    }

    #[test]
    fn clipped_integers_are_told_from_full_ranges() {
        let found = |values: &[i8]| {
            let mut main = subgraph("main");
            let x = argument(&mut main, "x", DType::Int8, &[1, 32]);
            let w = constant(&mut main, "w", &Tensor::from_values(&[16, 32], values));
            main.value_mut(w).quantization =
                Some(Quantization::per_channel(vec![0.1; 16], 0).into());
            let y = add(&mut main, "y", "FULLY_CONNECTED", &[x, w], &[1, 16]);
            main.outputs = vec![Some(y)];
            texts(&model(vec![main], &[x], &[y]))
        };
        let full: Vec<i8> = (0..512)
            .map(|i| if i % 32 == 0 { 127 } else { (i % 97) as i8 })
            .collect();
        assert_eq!(found(&full), [""; 0]);
        let clipped: Vec<i8> = (0..512)
            .map(|i| if i % 5 == 0 { -127 } else { (i % 97) as i8 + 1 })
            .collect();
        assert_eq!(
            found(&clipped),
            ["w: 103 of 512 values at the end of the integer range"]
        );
    }
}

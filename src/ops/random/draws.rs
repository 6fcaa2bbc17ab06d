//! What is drawn, once the generator is known.

use super::super::broadcast;
use super::super::reals::{doubles, of_doubles};
use super::super::segment::whole_numbers;
use super::super::{Content, View};
use super::Form;
use super::bounded::{self, Along};
use crate::error::{Error, Result};
use crate::kernels::draws;
use crate::kernels::philox::{
    Philox, draw, normal, normal_pair_f64, uniform, uniform_bf16, uniform_f16, uniform_f64,
};
use crate::model::shape::element_count;
use crate::model::{DType, Tensor};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Draw {
    /// In [0, 1).
    Uniform,
    /// Of mean 0 and variance 1.
    Normal,
    /// The same within 2 of 0.
    Truncated,
    /// Of the means, deviations and bounds that inputs tell.
    Bounded(Along),
    /// Whole numbers from one input up to, and without, the next.
    Whole,
    /// Whole numbers of all bits.
    AnyWhole,
    /// Indices with the odds of logits.
    Classes,
    /// Rows of the input in any order.
    Order,
    Gamma,
    Poisson,
    Binomial,
}

/// What an operator draws.
pub(super) fn of(op: &str) -> Option<Draw> {
    let lower = op.to_ascii_lowercase().replace('_', "");
    let kinds = [
        ("fullint", Draw::AnyWhole),
        ("deterministicints", Draw::AnyWhole),
        ("uniformint", Draw::Whole),
        ("uniform", Draw::Uniform),
        (
            "statelessparameterizedtruncatednormal",
            Draw::Bounded(Along::First),
        ),
        ("parameterizedtruncatednormal", Draw::Bounded(Along::Last)),
        ("truncatednormal", Draw::Truncated),
        ("normal", Draw::Normal),
        ("multinomial", Draw::Classes),
        ("shuffle", Draw::Order),
        ("gamma", Draw::Gamma),
        ("poisson", Draw::Poisson),
        ("binomial", Draw::Binomial),
    ];
    let found = kinds.iter().find(|(name, _)| lower.contains(name));
    found.map(|&(_, draw)| draw)
}

impl Draw {
    /// # Errors
    /// Nothing of this type is drawn.
    pub(super) fn check(self, dtype: DType) -> Result<()> {
        use DType::{BFloat16, Float16, Float32, Float64, Int32, Int64, UInt32, UInt64};
        let fits = match self {
            Draw::Uniform | Draw::Normal | Draw::Truncated => {
                matches!(dtype, Float16 | BFloat16 | Float32 | Float64)
            }
            Draw::Bounded(_) => matches!(dtype, Float16 | Float32 | Float64),
            Draw::Whole | Draw::AnyWhole => matches!(dtype, Int32 | Int64 | UInt32 | UInt64),
            Draw::Classes => matches!(dtype, Int32 | Int64),
            Draw::Order => true,
            Draw::Gamma | Draw::Poisson | Draw::Binomial => {
                matches!(
                    dtype,
                    Float16 | BFloat16 | Float32 | Float64 | Int32 | Int64
                )
            }
        };
        match fits {
            true => Ok(()),
            false => Err(Error::unsupported(format!("no kernel for {dtype}"))),
        }
    }

    /// The sizes of what comes out; of [`Draw::Order`], how many rows there are.
    pub(super) fn places(self, form: Form, first: &View, rest: &[View]) -> Result<Vec<usize>> {
        match self {
            Draw::Order => Ok(first.shape.first().copied().into_iter().collect()),
            Draw::Classes => {
                let draws = rest.first().map(super::whole).transpose()?.unwrap_or(0);
                match (first.shape, usize::try_from(draws)) {
                    (&[rows, classes], Ok(draws)) if classes > 0 => Ok(vec![rows, draws]),
                    (shape, _) => Err(Error::usage(format!(
                        "{draws} draws from logits of {shape:?}"
                    ))),
                }
            }
            _ => {
                let told = whole_numbers(first)?;
                let sizes = told.iter().map(|&size| usize::try_from(size));
                let sizes: std::result::Result<Vec<usize>, _> = sizes.collect();
                let mut sizes = sizes.map_err(|_| Error::usage(format!("the sizes {told:?}")))?;
                if let Some(parameters) = rest.first().filter(|_| form.parameters_behind()) {
                    sizes.extend(parameters.shape);
                }
                Ok(sizes)
            }
        }
    }

    pub(super) fn run(
        self,
        dtype: DType,
        base: &Philox,
        first: &View,
        rest: &[View],
        places: &[usize],
    ) -> Result<Tensor> {
        match self {
            Draw::Order => shuffled(base, first),
            Draw::Classes => classes(dtype, base, first, places),
            Draw::Whole | Draw::AnyWhole => {
                let mut out = Tensor::zeros(dtype, places)?;
                let bounds = match (self, rest) {
                    (Draw::Whole, [low, high, ..]) => Some([*low, *high]),
                    (Draw::Whole, _) => return Err(Error::usage("no bounds to draw between")),
                    _ => None,
                };
                whole(&mut out, base, bounds)?;
                Ok(out)
            }
            Draw::Uniform | Draw::Normal | Draw::Truncated => {
                let mut out = Tensor::zeros(dtype, places)?;
                self.fill(&mut out, base);
                Ok(out)
            }
            Draw::Bounded(along) => bounded::run(dtype, base, rest, places, along),
            Draw::Gamma | Draw::Poisson | Draw::Binomial => {
                self.with_parameters(dtype, base, rest, places)
            }
        }
    }

    fn fill(self, out: &mut Tensor, base: &Philox) {
        let mut philox = base.clone();
        if let Some(out) = out.values_mut::<f32>() {
            match self {
                Draw::Uniform => philox.fill(out, |words| words.map(uniform)),
                Draw::Normal => philox.fill(out, normal),
                _ => draws::truncated(base, out, |v| v),
            }
        } else if let Some(out) = out.values_mut::<f64>() {
            match self {
                Draw::Uniform => {
                    philox.fill(out, |[a, b, c, d]| [uniform_f64(a, b), uniform_f64(c, d)]);
                }
                Draw::Normal => philox.fill(out, normal_pair_f64),
                _ => draws::truncated_f64(base, out),
            }
        } else if let Some(out) = out.values_mut::<half::f16>() {
            match self {
                Draw::Uniform => philox.fill(out, |words| words.map(uniform_f16)),
                Draw::Normal => philox.fill(out, |words| normal(words).map(half::f16::from_f32)),
                _ => draws::truncated(base, out, half::f16::from_f32),
            }
        } else if let Some(out) = out.values_mut::<half::bf16>() {
            match self {
                Draw::Uniform => philox.fill(out, |words| words.map(uniform_bf16)),
                Draw::Normal => philox.fill(out, |words| normal(words).map(half::bf16::from_f32)),
                _ => draws::truncated(base, out, half::bf16::from_f32),
            }
        }
    }

    /// Draws for each of the parameters, which lie along the last axes.
    fn with_parameters(
        self,
        dtype: DType,
        base: &Philox,
        rest: &[View],
        places: &[usize],
    ) -> Result<Tensor> {
        let lists = rest.iter().map(doubles).collect::<Result<Vec<_>>>()?;
        let (sizes, parameters) = match (self, rest, &lists[..]) {
            (Draw::Binomial, [counts, chances, ..], [a, b, ..]) => {
                let (sizes, places) = broadcast::places([counts.shape, chances.shape])?;
                let pairs = places.into_iter().map(|[at, chance]| [a[at], b[chance]]);
                (sizes, pairs.collect::<Vec<_>>())
            }
            (_, [view, ..], [values, ..]) => {
                let pairs = values.iter().map(|&value| [value, 0.0]);
                (view.shape.to_vec(), pairs.collect())
            }
            _ => return Err(Error::usage("no parameters to draw by")),
        };
        let total = element_count(places).ok_or_else(|| Error::usage(format!("{places:?}")))?;
        if !places.ends_with(&sizes) || parameters.is_empty() && total > 0 {
            return Err(Error::usage(format!(
                "draws of {places:?} by parameters of {sizes:?}, expected these at the end"
            )));
        }
        let each = total / parameters.len().max(1);
        let mut out = Tensor::zeros(DType::Float64, places)?;
        let values = out.values_mut::<f64>().unwrap_or_default();
        for (column, &[a, b]) in parameters.iter().enumerate() {
            for row in 0..each {
                let at = column * each + row;
                values[row * parameters.len() + column] = match self {
                    Draw::Gamma => draws::gamma(base, at, a),
                    Draw::Poisson => draws::poisson(base, at, a),
                    _ => draws::binomial(base, at, a, b),
                };
            }
        }
        of_doubles(dtype, places, values)
    }
}

/// Whole numbers of four words or two pairs of them, within bounds where there are any.
fn whole(out: &mut Tensor, base: &Philox, bounds: Option<[View; 2]>) -> Result<()> {
    let mut philox = base.clone();
    let pairs = |[a, b, c, d]: [u32; 4]| {
        [
            u64::from(b) << 32 | u64::from(a),
            u64::from(d) << 32 | u64::from(c),
        ]
    };
    macro_rules! fill {
        ($T:ty, $U:ty, $of:expr) => {
            if let Some(out) = out.values_mut::<$T>() {
                let of = $of;
                let Some(bounds) = bounds else {
                    philox.fill(out, |words| of(words).map(|bits| bits as $T));
                    return Ok(());
                };
                let bound = |view: View| -> Result<$T> {
                    let first = view.values::<$T>()?.first().copied();
                    first.ok_or_else(|| Error::usage("a bound is missing"))
                };
                let (low, high) = (bound(bounds[0])?, bound(bounds[1])?);
                if low >= high && !out.is_empty() {
                    return Err(Error::usage(format!(
                        "whole numbers from {low} up to {high}, expected more at the end"
                    )));
                }
                let range = high.wrapping_sub(low) as $U;
                philox.fill(out, |words| {
                    of(words).map(|bits: $U| low.wrapping_add((bits % range) as $T))
                });
                return Ok(());
            }
        };
    }
    fill!(i32, u32, |words: [u32; 4]| words);
    fill!(u32, u32, |words: [u32; 4]| words);
    fill!(i64, u64, pairs);
    fill!(u64, u64, pairs);
    Ok(())
}

fn classes(dtype: DType, base: &Philox, logits: &View, places: &[usize]) -> Result<Tensor> {
    let (&[_, classes], &[rows, draws]) = (logits.shape, places) else {
        return Err(Error::usage(format!("logits of {:?}", logits.shape)));
    };
    let values = doubles(logits)?;
    let mut numbers = base.clone().pairs();
    let mut sums = vec![0.0; classes];
    let mut drawn = Vec::with_capacity(rows.saturating_mul(draws));
    for logits in values.chunks_exact(classes) {
        draw(
            logits.iter().copied(),
            &mut numbers,
            &mut sums,
            |index| drawn.push(index as f64),
            draws,
        );
    }
    of_doubles(dtype, places, &drawn)
}

/// The rows in any order.
fn shuffled(base: &Philox, value: &View) -> Result<Tensor> {
    let rows = value.shape.first().copied().unwrap_or(0);
    if rows < 2 {
        return value.to_tensor();
    }
    let order = draws::shuffled(base.clone(), rows);
    match value.data {
        Content::Bytes(bytes) => {
            let row = bytes.len() / rows;
            let moved: Vec<u8> = order
                .iter()
                .flat_map(|at| &bytes[at * row..][..row])
                .copied()
                .collect();
            Tensor::from_bytes(value.dtype, value.shape, &moved)
        }
        Content::Strings(strings) => {
            let row = strings.len() / rows;
            let moved = order.iter().flat_map(|at| &strings[at * row..][..row]);
            Ok(Tensor::from_strings(value.shape, moved.cloned().collect()))
        }
        Content::Handles(_) | Content::Lists(_) => {
            Err(Error::unsupported(format!("a shuffle of {}", value.dtype)))
        }
    }
}

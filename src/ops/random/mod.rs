//! Random numbers, the same as TensorFlow's and TensorFlow Lite's from the same seeds. What has seeds of its own goes on
//! from run to run where the last draw of the session ended. What has none takes the session's seed, see
//! [`State::seed`].

mod bounded;
mod crops;
mod draws;
mod indices;
mod keys;
mod sobol;
mod sources;

use std::sync::Arc;

use super::movement::told_shape;
use super::state::{State, tensor};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::model::{Shape, Tensor};
use draws::Draw;
use sources::{Lasting, Source};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "RandomUniform",
            "RandomStandardNormal",
            "TruncatedNormal",
            "ParameterizedTruncatedNormal",
            "RandomUniformInt",
            "RandomShuffle",
            "RandomGamma",
            "RandomPoisson",
            "RandomPoissonV2",
            "Multinomial",
            "NonDeterministicInts",
            "StatefulUniform",
            "StatefulStandardNormalV2",
            "StatefulTruncatedNormal",
            "StatefulUniformInt",
            "StatefulUniformFullInt",
            "StatefulRandomBinomial",
        ],
        &["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"],
        infer,
        prepare_lasting,
    )
    .effect(),
    Operator::new(
        &[
            "StatelessRandomUniform",
            "StatelessRandomUniformV2",
            "StatelessRandomNormal",
            "StatelessRandomNormalV2",
            "StatelessTruncatedNormal",
            "StatelessTruncatedNormalV2",
            "StatelessParameterizedTruncatedNormal",
            "StatelessRandomUniformInt",
            "StatelessRandomUniformIntV2",
            "StatelessRandomUniformFullInt",
            "StatelessRandomUniformFullIntV2",
            "StatelessShuffle",
            "StatelessMultinomial",
            "StatelessRandomGammaV2",
            "StatelessRandomGammaV3",
            "StatelessRandomPoisson",
            "StatelessRandomBinomial",
        ],
        &[],
        infer,
        prepare,
    ),
    Operator::new(
        &[
            "StatelessRandomGetKeyCounter",
            "StatelessRandomGetKeyCounterAlg",
            "StatelessRandomGetAlg",
        ],
        &[],
        keys::infer,
        keys::prepare,
    ),
    Operator::new(
        &["RandomIndexShuffle"],
        &[],
        indices::infer,
        indices::prepare,
    ),
    Operator::new(
        &["StatelessSampleDistortedBoundingBox"],
        &[],
        crops::infer,
        crops::prepare,
    ),
    Operator::new(
        &["SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2"],
        &[],
        crops::infer,
        crops::prepare_lasting,
    )
    .effect(),
    Operator::new(&["SobolSample"], &[], sobol::infer, sobol::prepare),
    Operator::new(
        &["RngReadAndSkip", "RngSkip"],
        &[],
        keys::infer_skip,
        keys::prepare_skip,
    )
    .effect(),
];

/// What an operator draws, by which generator, and where its inputs are.
#[derive(Debug, Clone, Copy)]
struct Form {
    draw: Draw,
    source: Source,
    /// The sizes of the output, or what is drawn from.
    first: usize,
    /// What else the distribution takes begins here.
    rest: usize,
}

impl Form {
    fn of(cx: &Context) -> Result<Self> {
        let op = &*cx.node.op;
        let draw = draws::of(op).ok_or_else(|| cx.unsupported("a draw of an unknown kind"))?;
        let stateless = op.starts_with("Stateless");
        let (source, first, rest) = if op.starts_with("Stateful") {
            (Source::Held, 2, 3)
        } else if op == "NonDeterministicInts" {
            (Source::Session, 0, 1)
        } else if !stateless {
            (Source::Attributes, 0, 1)
        } else if is_keyed(op) {
            (Source::Key, 0, 4)
        } else if matches!(draw, Draw::Classes) {
            // logits, how many, seeds
            (Source::Seeds(2), 0, 1)
        } else {
            (Source::Seeds(1), 0, 2)
        };
        Ok(Form {
            draw,
            source,
            first,
            rest,
        })
    }
}

/// Whether key and counter are inputs of an operator without state, not seeds.
fn is_keyed(op: &str) -> bool {
    match op {
        "StatelessShuffle" | "StatelessRandomGammaV3" => true,
        "StatelessRandomGammaV2" => false,
        _ => op.ends_with("V2"),
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let form = Form::of(cx)?;
    let dtype = cx.out_dtype(0)?;
    let shape = match form.draw {
        Draw::Order => cx.shape(form.first)?.clone(),
        // `[rows, number of draws]`
        Draw::Classes => {
            let rows = match cx.shape(form.first)?.dims() {
                Some(&[rows, _]) => rows,
                None => -1,
                Some(_) => {
                    let logits = cx.shape(form.first)?;
                    return Err(cx.wrong(format!("logits of {logits}")));
                }
            };
            Shape(Some(vec![rows, cx.int(form.rest)?.unwrap_or(-1)]))
        }
        _ if form.parameters_behind() => {
            let (told, own) = (told_shape(cx, form.first)?, cx.shape(form.rest)?);
            let dims = told.dims().zip(own.dims());
            Shape(dims.map(|(told, own)| [told, own].concat()))
        }
        _ => told_shape(cx, form.first)?,
    };
    cx.one(dtype, shape)
}

impl Form {
    /// The sizes of the parameters come behind those that are told.
    fn parameters_behind(self) -> bool {
        let with_parameters = matches!(self.draw, Draw::Gamma | Draw::Poisson);
        with_parameters && matches!(self.source, Source::Attributes)
    }

    fn inputs<'v>(self, inputs: &[Option<View<'v>>]) -> Result<(View<'v>, Vec<View<'v>>)> {
        let first = super::segment::view(inputs, self.first)?;
        let rest = inputs.iter().skip(self.rest);
        Ok((first, rest.map_while(|view| *view).collect()))
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (form, dtype) = (Form::of(cx)?, cx.out_dtype(0)?);
    form.draw.check(dtype)?;
    Prepared::compute(move |inputs| {
        let base = form.source.generator(inputs)?;
        let (first, rest) = form.inputs(inputs)?;
        let places = form.draw.places(form, &first, &rest)?;
        let drawn = form.draw.run(dtype, &base, &first, &rest, &places)?;
        Ok(vec![drawn])
    })
}

fn prepare_lasting(cx: &Context) -> Result<Prepared> {
    let (form, dtype) = (Form::of(cx)?, cx.out_dtype(0)?);
    form.draw.check(dtype)?;
    let lasting = Lasting::of(cx, form.source);
    Prepared::effect(move |inputs, state: &mut State| {
        let views: Vec<Option<View>> = inputs
            .iter()
            .map(|input| input.as_ref().map(|tensor| View::of(tensor)))
            .collect();
        let (first, rest) = form.inputs(&views)?;
        let places = form.draw.places(form, &first, &rest)?;
        let steps = lasting.steps(form.draw, &places, &rest);
        let base = match form.source {
            Source::Held => {
                sources::check_algorithm(&View::of(tensor(&inputs, 1)?))?;
                sources::advance(state, &inputs, steps)?
            }
            _ => lasting.take(state, steps),
        };
        let drawn = form.draw.run(dtype, &base, &first, &rest, &places)?;
        Ok(vec![Arc::new(drawn)])
    })
}

/// One whole number that an input holds.
fn whole(view: &View) -> Result<i64> {
    let first = super::segment::whole_numbers(view)?.first().copied();
    first.ok_or_else(|| Error::usage("an input is empty"))
}

fn tensors(tensor: Tensor) -> Vec<Arc<Tensor>> {
    vec![Arc::new(tensor)]
}

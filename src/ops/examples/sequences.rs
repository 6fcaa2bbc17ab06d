//! Records of sequences taken apart: `tf.SequenceExample`, features of the whole record and lists of them, one per step.

use super::{Keys, Values, texts, types};
use crate::error::{Error, Result};
use crate::format::example::{self, Feature, Sequence};
use crate::memory;
use crate::model::shape::element_count;
use crate::model::{Attr, DType, Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::tokens::numbers;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &[
        "ParseSequenceExample",
        "ParseSequenceExampleV2",
        "ParseSingleSequenceExample",
    ],
    &[],
    infer,
    prepare,
)];

/// Types that the node says; sizes are values of the run.
fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    outputs
        .map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)))
        .collect()
}

/// What the node wants of the features of a record, or of its lists.
struct Part {
    /// Lists of features, one per step.
    listed: bool,
    sparse: Keys,
    sparse_types: Vec<DType>,
    dense: Keys,
    dense_types: Vec<DType>,
    dense_shapes: Vec<Shape>,
    ragged: Keys,
    ragged_types: Vec<(DType, DType)>,
}

/// Which lists may be missing.
enum Missing {
    /// One truth per dense list in this input.
    Flags(usize),
    /// Those that this input names.
    Named(usize),
    Known(Vec<Vec<u8>>),
}

impl Missing {
    fn allows(&self, inputs: &[Option<View<'_>>], at: usize, key: &Vec<u8>) -> Result<bool> {
        Ok(match self {
            Missing::Flags(input) => view(inputs, *input)?.values::<u8>()?.get(at) == Some(&1),
            Missing::Named(input) => view(inputs, *input)?.strings()?.contains(key),
            Missing::Known(keys) => keys.contains(key),
        })
    }
}

struct Form {
    context: Part,
    lists: Part,
    missing: Missing,
    /// The first of the defaults of dense features.
    defaults: usize,
    /// How long each dense list is comes out too.
    lengths: bool,
}

impl Part {
    /// `keys` says where the names of sparse, dense and ragged features come from.
    fn of(cx: &Context, listed: bool, [sparse, dense, ragged]: [Keys; 3]) -> Self {
        let prefix = if listed { "feature_list" } else { "context" };
        let typed = |what: &str| types(cx, &format!("{prefix}_{what}"));
        let shapes = cx.node.attrs.list(&format!("{prefix}_dense_shapes"));
        let values = typed("ragged_value_types").into_iter();
        let dense_types = match listed {
            true => typed("dense_types"),
            false => types(cx, "Tcontext_dense"),
        };
        Part {
            listed,
            sparse,
            sparse_types: typed("sparse_types"),
            dense,
            dense_types,
            dense_shapes: (shapes.unwrap_or_default().iter())
                .filter_map(Attr::as_shape)
                .cloned()
                .collect(),
            ragged,
            ragged_types: values.zip(typed("ragged_split_types")).collect(),
        }
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let count = |attr: &str| usize::try_from(cx.attr_int(attr, 0)).unwrap_or(0);
    let known = |attr: &str| Keys::Known(texts(cx, attr));
    let none = || Keys::Known(Vec::new());
    let together = |first: usize| [first, first + 1, first + 2].map(Keys::Together);
    let (context, lists, missing, defaults) = match &*cx.node.op {
        "ParseSequenceExampleV2" => (together(2), together(5), Missing::Flags(8), 9),
        "ParseSequenceExample" => {
            let assumed = texts(cx, "feature_list_dense_missing_assumed_empty");
            let keys = |part: &str| {
                let of = |kind: &str| known(&format!("{part}_{kind}_keys"));
                [of("sparse"), of("dense"), none()]
            };
            let (context, lists) = (keys("context"), keys("feature_list"));
            (context, lists, Missing::Known(assumed), 2)
        }
        _ => {
            let counts = [
                count("Ncontext_sparse"),
                count("Ncontext_dense"),
                count("Nfeature_list_sparse"),
                count("Nfeature_list_dense"),
            ];
            let mut first = 2usize;
            let [a, b, c, d] = counts.map(|count| {
                let keys = Keys::Inputs(first, count);
                first = first.saturating_add(count);
                keys
            });
            ([a, b, none()], [c, d, none()], Missing::Named(1), first)
        }
    };
    if defaults > cx.node.inputs.len() {
        return Err(cx.wrong(format!("{} inputs", cx.node.inputs.len())));
    }
    let form = Form {
        context: Part::of(cx, false, context),
        lists: Part::of(cx, true, lists),
        missing,
        defaults,
        lengths: &*cx.node.op != "ParseSingleSequenceExample",
    };
    Prepared::compute(move |inputs| form.parse(inputs))
}

/// The steps of one feature, record by record; `None` where a record lacks it.
type Found = Vec<Option<Vec<Feature>>>;

impl Form {
    fn parse(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        let serialized = view(inputs, 0)?;
        let batched = match serialized.shape.len() {
            0 => false,
            1 => true,
            _ => {
                return Err(Error::usage(format!(
                    "records of {:?}, expected one or a row of them",
                    serialized.shape
                )));
            }
        };
        let records = serialized.strings()?.iter();
        let records = records.map(|record| example::sequence(record));
        let records = records.collect::<Result<Vec<_>>>()?;
        let mut out = self.context.sparse(&records, inputs, batched)?;
        let part = &self.context;
        for (at, key) in part.dense.read(inputs)?.iter().enumerate() {
            let default = view(inputs, self.defaults + at)?;
            let found = part.found(&records, key, part.dense_type(at)?)?;
            out.push(fixed(found, key, part.shape(at)?, &default, batched)?);
        }
        out.extend(self.context.ragged(&records, inputs, batched)?);
        out.extend(self.lists.sparse(&records, inputs, batched)?);
        let (part, mut lengths) = (&self.lists, Vec::new());
        for (at, key) in part.dense.read(inputs)?.iter().enumerate() {
            let dtype = part.dense_type(at)?;
            let found = part.found(&records, key, dtype)?;
            if found.iter().any(Option::is_none) && !self.missing.allows(inputs, at, key)? {
                return Err(Error::usage(format!(
                    "a record lacks the list {:?}, which is not taken as empty where it is missing",
                    String::from_utf8_lossy(key)
                )));
            }
            let (values, steps) = padded(&found, key, dtype, part.shape(at)?, batched)?;
            let sizes = if batched { &[steps.len()][..] } else { &[] };
            lengths.push(Tensor::from_values(sizes, &steps));
            out.push(values);
        }
        out.extend(lengths.into_iter().filter(|_| self.lengths));
        out.extend(self.lists.ragged(&records, inputs, batched)?);
        Ok(out)
    }
}

impl Part {
    fn dense_type(&self, at: usize) -> Result<DType> {
        let dtype = self.dense_types.get(at).copied();
        dtype.ok_or_else(|| Error::usage("more names of features than types"))
    }

    /// The sizes of a dense feature.
    fn shape(&self, at: usize) -> Result<Vec<usize>> {
        let shape = self.dense_shapes.get(at).and_then(Shape::fixed);
        shape.ok_or_else(|| Error::usage("a dense feature of unknown sizes"))
    }

    /// # Errors
    /// Values of another type.
    fn found(&self, records: &[Sequence<'_>], key: &[u8], dtype: DType) -> Result<Found> {
        let none = || Ok(Values::new(dtype)?.0);
        let checked = |feature: Option<Feature>| match feature {
            None => none(),
            Some(feature) => {
                let mut same = Values::new(dtype)?;
                same.push(&feature, key)?;
                Ok(same.0)
            }
        };
        let of = |record: &Sequence<'_>| {
            let part = if self.listed {
                &record.lists
            } else {
                &record.context
            };
            let Some(bytes) = part.get(key) else {
                return Ok(None);
            };
            let steps = match self.listed {
                true => example::feature_list(bytes)?,
                false => vec![example::feature(bytes)?],
            };
            let steps = steps.into_iter().map(checked);
            steps.collect::<Result<Vec<_>>>().map(Some)
        };
        records.iter().map(of).collect()
    }

    /// Indices, then values, then sizes of the sparse features.
    fn sparse(
        &self,
        records: &[Sequence<'_>],
        inputs: &[Option<View<'_>>],
        batched: bool,
    ) -> Result<Vec<Tensor>> {
        let (mut indices, mut values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
        let axes = 1 + usize::from(batched) + usize::from(self.listed);
        for (key, &dtype) in self.sparse.read(inputs)?.iter().zip(&self.sparse_types) {
            let (mut all, mut places) = (Values::new(dtype)?, Vec::new());
            let (mut longest, mut widest) = (0, 0);
            for (at, steps) in self.found(records, key, dtype)?.iter().enumerate() {
                let steps = steps.as_deref().unwrap_or_default();
                longest = longest.max(steps.len());
                for (step, feature) in steps.iter().enumerate() {
                    all.push(feature, key)?;
                    widest = widest.max(feature.len());
                    for column in 0..feature.len() {
                        places.extend(batched.then_some(at as i64));
                        places.extend(self.listed.then_some(step as i64));
                        places.push(column as i64);
                    }
                }
            }
            let count = all.len();
            let rows = batched.then_some(records.len() as i64).into_iter();
            let steps = self.listed.then_some(longest as i64);
            let sizes: Vec<i64> = rows.chain(steps).chain([widest as i64]).collect();
            indices.push(Tensor::from_values(&[count, axes], &places));
            values.push(all.tensor(&[count]));
            shapes.push(Tensor::from_values(&[axes], &sizes));
        }
        indices.extend(values);
        indices.extend(shapes);
        Ok(indices)
    }

    /// Values of the ragged features, then where the steps of each record end (a record is one step where there are no
    /// lists), then, of lists, where the values of each step end.
    fn ragged(
        &self,
        records: &[Sequence<'_>],
        inputs: &[Option<View<'_>>],
        batched: bool,
    ) -> Result<Vec<Tensor>> {
        let (mut values, mut outer, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        for (key, &(dtype, ends)) in self.ragged.read(inputs)?.iter().zip(&self.ragged_types) {
            let mut all = Values::new(dtype)?;
            let (mut steps_end, mut values_end, mut records_end) = (vec![0], vec![0], vec![0]);
            for steps in self.found(records, key, dtype)? {
                for feature in steps.iter().flatten() {
                    all.push(feature, key)?;
                    values_end.push(all.len() as i64);
                }
                steps_end.push(values_end.len() as i64 - 1);
                records_end.push(all.len() as i64);
            }
            let count = all.len();
            values.push(all.tensor(&[count]));
            let whole = if self.listed { steps_end } else { records_end };
            outer.push(match batched {
                true => numbers(ends, &[whole.len()], &whole),
                // One record has no rows of its own.
                false => numbers(ends, &[], &[0]),
            });
            if self.listed {
                inner.push(numbers(ends, &[values_end.len()], &values_end));
            }
        }
        values.extend(outer);
        values.extend(inner);
        Ok(values)
    }
}

fn too_large(key: &[u8], sizes: &[usize]) -> Error {
    let name = String::from_utf8_lossy(key);
    Error::usage(format!("the feature {name:?} of {sizes:?} is too large"))
}

/// Says no before a tensor is filled that there is no memory for.
fn weigh(key: &[u8], sizes: &[usize], each: usize) -> Result<()> {
    let bytes = element_count(&[sizes, &[each]].concat()).ok_or_else(|| too_large(key, sizes))?;
    memory::ask("the values of a feature", bytes)
}

/// A feature of the whole record as a full tensor with a row per record.
fn fixed(
    found: Found,
    key: &[u8],
    mut sizes: Vec<usize>,
    default: &View<'_>,
    batched: bool,
) -> Result<Tensor> {
    let name = || String::from_utf8_lossy(key).into_owned();
    let width = element_count(&sizes).ok_or_else(|| too_large(key, &sizes))?;
    let filler = Values::of(default)?;
    let mut all = Values::new(default.dtype)?;
    if batched {
        sizes.insert(0, found.len());
    }
    weigh(key, &sizes, filler.bytes_each())?;
    for steps in found {
        let feature = match &steps {
            Some(steps) => steps.first(),
            None if filler.len() == 0 => {
                return Err(Error::usage(format!(
                    "a record lacks the feature {:?}, which has no default",
                    name()
                )));
            }
            None => Some(&filler.0),
        };
        let count = feature.map_or(0, Feature::len);
        if count != width {
            return Err(Error::usage(format!(
                "{count} values of the feature {:?}, expected {width}",
                name()
            )));
        }
        if let Some(feature) = feature {
            all.push(feature, key)?;
        }
    }
    Ok(all.tensor(&sizes))
}

/// Lists as a full tensor, filled up to the longest with zeros or empty strings, and how many steps each has.
fn padded(
    found: &Found,
    key: &[u8],
    dtype: DType,
    mut sizes: Vec<usize>,
    batched: bool,
) -> Result<(Tensor, Vec<i64>)> {
    let width = element_count(&sizes).ok_or_else(|| too_large(key, &sizes))?;
    let steps = found.iter().map(|steps| steps.as_ref().map_or(0, Vec::len));
    let steps: Vec<usize> = steps.collect();
    let longest = steps.iter().copied().max().unwrap_or(0);
    sizes.insert(0, longest);
    if batched {
        sizes.insert(0, found.len());
    }
    let filler = Values::filler(dtype)?;
    weigh(key, &sizes, filler.bytes_each())?;
    let mut all = Values::new(dtype)?;
    for (features, &count) in found.iter().zip(&steps) {
        for feature in features.iter().flatten() {
            if feature.len() != width {
                return Err(Error::usage(format!(
                    "{} values in a step of {:?}, expected {width}",
                    feature.len(),
                    String::from_utf8_lossy(key)
                )));
            }
            all.push(feature, key)?;
        }
        for _ in 0..(longest - count) * width {
            all.push_one(&filler, 0)?;
        }
    }
    let lengths = steps.into_iter().map(|count| count as i64).collect();
    Ok((all.tensor(&sizes), lengths))
}

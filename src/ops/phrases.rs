//! SKIP_GRAM and LSH_PROJECTION: phrases of a sentence, and their hashes, as the first text models took them.

use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::text::hash::fingerprint;
use crate::kernels::text::phrases::{Phrases, words};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&[], &["SKIP_GRAM"], infer_phrases, prepare_phrases),
    Operator::new(&[], &["LSH_PROJECTION"], infer_hashes, prepare_hashes),
];

fn infer_phrases(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::String, Shape(Some(vec![-1])))
}

fn prepare_phrases(cx: &Context) -> Result<Prepared> {
    let told = |name: &str| {
        let number = cx.attr_int(name, 0);
        usize::try_from(number).map_err(|_| cx.wrong(format!("{name} is {number}")))
    };
    let phrases = Phrases {
        longest: told("ngram_size")?,
        skipped: told("max_skip_size")?,
        shorter: cx.attr_bool("include_all_ngrams"),
    };
    if phrases.longest == 0 {
        return Err(cx.wrong("phrases of no words"));
    }
    Prepared::compute(move |inputs| {
        let view = super::segment::view(inputs, 0)?;
        let sentence = view.strings()?.first();
        let sentence = sentence.ok_or_else(|| Error::usage("no sentence"))?;
        let found = phrases.of(&words(sentence)).ok_or_else(|| {
            Error::usage(format!(
                "more than {} phrases in a sentence of {} bytes",
                Phrases::MOST,
                sentence.len()
            ))
        })?;
        Ok(vec![Tensor::from_strings(&[found.len()], found)])
    })
}

/// `LSHProjectionType` of the schema: a hash's bits as one number, or each for itself.
const SPARSE: i64 = 1;
const DENSE: i64 = 2;

fn infer_hashes(cx: &Context) -> Result<Vec<Fact>> {
    let count = match (cx.shape(0)?.dims(), cx.attr_int("type", 0)) {
        (Some(&[hashes, bits]), DENSE) if hashes >= 0 && bits >= 0 => hashes.saturating_mul(bits),
        (Some(&[hashes, _]), SPARSE) => hashes,
        (None, SPARSE | DENSE) | (Some(&[_, _]), DENSE) => -1,
        (_, kind) => {
            return Err(cx.wrong(format!("seeds of {} and the type {kind}", cx.shape(0)?)));
        }
    };
    cx.one(DType::Int32, Shape(Some(vec![count])))
}

/// Each bit is the sign of the sum of the items' hashes, which begin with the bit's seed.
fn prepare_hashes(cx: &Context) -> Result<Prepared> {
    let (seeds, items) = (cx.sizes(0)?, cx.sizes(1)?);
    let (&[_, bits], [count, ..]) = (&seeds[..], &items[..]) else {
        return Err(cx.wrong(format!("seeds of {seeds:?} for items of {items:?}")));
    };
    let (bits, count) = (bits, *count);
    if bits > 32 || count == 0 {
        return Err(cx.wrong(format!("{bits} bits of {count} items")));
    }
    if cx.has(2) && cx.sizes(2)? != [count] {
        return Err(cx.wrong(format!("weights of {} for {count} items", cx.shape(2)?)));
    }
    let (sparse, dtype) = (cx.attr_int("type", 0) == SPARSE, cx.dtype(1)?);
    let item: usize = items[1..].iter().product();
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    let item = item.checked_mul(size).ok_or_else(|| cx.no_kernel(dtype))?;
    Prepared::function(move |io| {
        let (seeds, bytes) = (io.input::<f32>(0)?, io.view(1)?.bytes());
        let (weights, out) = (io.optional::<f32>(2)?, io.output::<i32>(0)?);
        let mut key = vec![0; size_of::<f32>() + item];
        let mut bit = |seed: f32| {
            let mut score = 0.0;
            for at in 0..count {
                key[..4].copy_from_slice(&seed.to_le_bytes());
                key[4..].copy_from_slice(&bytes[at * item..][..item]);
                let weight = weights.map_or(1.0, |weights| f64::from(weights[at]));
                score += weight * fingerprint(&key) as i64 as f64;
            }
            i32::from(score > 0.0)
        };
        if !sparse {
            out.iter_mut()
                .zip(seeds)
                .for_each(|(out, &seed)| *out = bit(seed));
            return Ok(());
        }
        for (number, out) in out.iter_mut().enumerate() {
            let own = &seeds[number * bits..][..bits];
            let signature = own.iter().fold(0, |hash: i32, &seed| hash << 1 | bit(seed));
            let first = (number as i32).wrapping_mul(1i32.wrapping_shl(bits as u32));
            *out = signature.wrapping_add(first);
        }
        Ok(())
    })
}

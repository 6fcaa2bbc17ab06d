//! Made-up values: zeros, ones, a range, seeded random ones.

use super::element::{Scalar, build, int_range};
use super::pixels::takes_images;
use crate::error::{Error, Result};
use crate::model::{DType, Port, Tensor};

/// Words for random text inputs.
const WORDS: [&str; 8] = ["good", "bad", "the", "a", "great", "film", "never", "again"];

/// The sizes of a made-up value: 1 where the port leaves a size open, a scalar where it leaves the rank open.
pub(super) fn sizes(port: &Port) -> Vec<usize> {
    port.shape.with_unknown_as(1).unwrap_or_default()
}

/// All elements the same stored number.
pub(super) fn filled(port: &Port, value: i128) -> Result<Tensor> {
    build(port.dtype, None, &sizes(port), |_| match port.dtype {
        DType::String if value == 0 => Scalar::Text(Vec::new()),
        DType::Bool => Scalar::Bool(value != 0),
        _ => Scalar::Int(value),
    })
}

/// 0, 1, 2, …; it starts again where the type ends.
pub(super) fn range(port: &Port) -> Result<Tensor> {
    let modulus = match int_range(port.dtype) {
        Some((_, high)) => high + 1,
        None if port.dtype == DType::Bool => 2,
        None => i128::MAX,
    };
    build(port.dtype, None, &sizes(port), |i| {
        Scalar::Int(i as i128 % modulus)
    })
}

/// Seeded values in the range that the port's quantization, metadata or type suggests: floats evenly over the values
/// that [the model tells of](Port::content) or in [0, 1), quantized and 8-bit integers over their whole range, wider integers 0 to 9 (they are indices or counts as a rule), words for strings.
/// Indices of a table, which may be whole floats, are spread over [all of it](Port::index_bound).
pub fn random(port: &Port, seed: u64) -> Result<Tensor> {
    let mut state = seed;
    let mut next = || split_mix(&mut state);
    let dtype = port.dtype;
    let quantized = port.quantization.as_ref().is_some_and(|q| q.is_active());
    let last_index = port.index_bound.and_then(|bound| bound.checked_sub(1));
    let range = match (int_range(dtype).or(whole_range(dtype)), last_index) {
        (Some((_, high)), Some(last)) => Some((0, high.min(i128::from(last)))),
        _ if dtype.is_float() => None,
        (Some((low, high)), None) if quantized || dtype.bits() <= 8 => Some((low, high)),
        (Some((_, high)), None) => Some((0, high.min(9))),
        (None, _) => None,
    };
    let (low, high) = real_range(port).unwrap_or((0.0, 1.0));
    build(dtype, None, &sizes(port), |_| {
        let bits = next();
        match (dtype, range) {
            (DType::String, _) => Scalar::Text(
                WORDS[(bits % WORDS.len() as u64) as usize]
                    .as_bytes()
                    .into(),
            ),
            (DType::Bool, _) => Scalar::Bool(bits >> 63 != 0),
            (_, Some((low, high))) => {
                let span = (high - low + 1) as u128;
                Scalar::Int(low + (u128::from(bits) % span) as i128)
            }
            _ => Scalar::Float(low + (high - low) * ((bits >> 11) as f64 / (1u64 << 53) as f64)),
        }
    })
    .map_err(|e: Error| e.at(format_args!("input {:?}", port.name)))
}

/// The real values that the model says it takes; those of each pixel where it takes images.
fn real_range(port: &Port) -> Option<(f64, f64)> {
    let pixels = || {
        let (normalization, _) = port.content.normalization.as_ref()?;
        takes_images(port).then(|| normalization.range())
    };
    pixels().or(port.content.range)
}

/// The whole numbers from 0 that a float type has all of.
fn whole_range(dtype: DType) -> Option<(i128, i128)> {
    let digits = match dtype {
        DType::Float16 => half::f16::MANTISSA_DIGITS,
        DType::BFloat16 => half::bf16::MANTISSA_DIGITS,
        DType::Float32 => f32::MANTISSA_DIGITS,
        DType::Float64 => f64::MANTISSA_DIGITS,
        _ => return None,
    };
    Some((0, 1 << digits))
}

/// SplitMix64 (Steele, Lea, Flood 2014): a fixed sequence per seed on every machine.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;
    use crate::model::content::Teller;
    use crate::model::{Normalization, Quantization, Shape};

    #[test]
    fn a_shape_that_asks_for_terabytes_is_refused() {
        for dims in [[8, i64::from(i32::MAX)], [1 << 40, 1 << 40]] {
            let error = random(&port(DType::Float32, &dims), 0).unwrap_err();
            assert!(
                error.to_string().contains("too large to make up"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_seed_gives_the_same_values_again() {
        let port = port(DType::Float32, &[-1, 100]);
        let a = random(&port, 1).unwrap();
        assert_eq!(a.shape(), [1, 100]);
        assert_eq!(a, random(&port, 1).unwrap());
        assert_ne!(a, random(&port, 2).unwrap());
        assert!(a.numbers().iter().all(|v| (0.0..1.0).contains(v)));
    }

    #[test]
    fn quantized_inputs_use_their_whole_range() {
        let mut port = port(DType::Int16, &[1000]);
        assert!(
            random(&port, 0)
                .unwrap()
                .numbers()
                .iter()
                .all(|&v| v < 10.0)
        );
        port.quantization = Some(Quantization::per_tensor(0.1, 0));
        assert!(
            random(&port, 0)
                .unwrap()
                .numbers()
                .iter()
                .any(|&v| v < -1000.0)
        );
    }

    #[test]
    fn floats_are_spread_over_what_the_model_tells() {
        let mut port = port(DType::Float32, &[1, 16, 16, 3]);
        let most = |port: &Port| {
            random(port, 0)
                .unwrap()
                .numbers()
                .into_iter()
                .fold(0.0, f64::max)
        };
        assert!(most(&port) <= 1.0);
        port.content.range = Some((-2.0, 2.0));
        assert!((1.9..=2.0).contains(&most(&port)));
        port.content.normalization = Some((Normalization::bytes(), Teller::Operators));
        assert!((250.0..=255.0).contains(&most(&port)));
        // What scales rows of features down says nothing of pixels.
        port.shape = Shape(Some(vec![1, 100]));
        assert!((1.5..=2.0).contains(&most(&port)));
    }

    #[test]
    fn indices_are_spread_over_the_table() {
        let mut port = port(DType::Int64, &[4000]);
        let values = |port: &Port| random(port, 3).unwrap().numbers();
        port.index_bound = Some(30_522);
        let (all, again) = (values(&port), values(&port));
        assert!(all.iter().all(|v| (0.0..30_522.0).contains(v)));
        assert!(all.iter().any(|&v| v < 100.0) && all.iter().any(|&v| v > 30_400.0));
        assert_eq!(all, again);
        port.index_bound = Some(2);
        assert!(values(&port).iter().all(|v| [0.0, 1.0].contains(v)));
        port.dtype = DType::Int8;
        port.index_bound = Some(1000);
        assert!(values(&port).iter().all(|v| (0.0..=127.0).contains(v)));
        for (dtype, most) in [(DType::Float32, 999.0), (DType::BFloat16, 256.0)] {
            port.dtype = dtype;
            let all = values(&port);
            assert!(
                all.iter()
                    .all(|v| v.fract() == 0.0 && (0.0..=most).contains(v))
            );
            assert!(all.iter().any(|&v| v > most * 0.9), "{dtype}");
        }
    }

    #[test]
    fn a_range_wraps_at_the_end_of_the_type() {
        let values = range(&port(DType::Int8, &[130])).unwrap();
        assert_eq!(values.number(127), Some(127.0));
        assert_eq!(values.number(128), Some(0.0));
    }
}

//! The same values for both sides.

use crate::error::{Error, Result};
use crate::feed;
use crate::model::{Model, Port, Tensor};
use crate::runtime::{RunOptions, Session};

/// Seed of made-up inputs.
const SEED: u64 = 0;

/// Inputs for a comparison and where they come from.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    pub inputs: Vec<Vec<(String, Tensor)>>,
    /// `64 samples of digits:image`; empty for random values.
    pub from: String,
}

/// Up to `limit` samples that lie beside the model, if it has one input and there is a set that fits; else none.
pub fn usual_samples(model: &Model, limit: usize) -> Samples {
    let Ok(session) = Session::new(model, &RunOptions::default()) else {
        return Samples::default();
    };
    let [port] = session.inputs() else {
        return Samples::default();
    };
    let Some(set) = feed::samples_for(model, port).into_iter().next() else {
        return Samples::default();
    };
    let inputs: Vec<_> = (0..set.count.min(limit))
        .filter_map(|index| set.raw(index).ok())
        .map(|tensor| vec![(port.name.to_string(), tensor)])
        .collect();
    Samples {
        from: count_of(inputs.len(), &set.name),
        inputs,
    }
}

/// `64 samples of digits:image`, for [`Samples::from`].
pub fn count_of(count: usize, source: &str) -> String {
    let samples = if count == 1 { "sample" } else { "samples" };
    format!("{count} {samples} of {source}")
}

/// One sample of seeded values.
pub(super) fn random(ports: &[Port]) -> Result<Vec<(String, Tensor)>> {
    ports
        .iter()
        .enumerate()
        .map(|(i, port)| Ok((port.name.to_string(), feed::random(port, SEED + i as u64)?)))
        .collect()
}

/// The value given for an input: under A's name, B's name, or `#index`.
pub(super) fn value<'t>(
    given: &'t [(String, Tensor)],
    index: usize,
    a: &Port,
    b: &Port,
) -> Result<&'t Tensor> {
    let number = format!("#{index}");
    given
        .iter()
        .find(|(name, _)| **name == *a.name || **name == *b.name || *name == number)
        .map(|(_, tensor)| tensor)
        .ok_or_else(|| {
            let known: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
            Error::usage(format!("no value for input {:?}", a.name))
                .hint(format!("there are: {}", known.join(", ")))
        })
}

/// `value`, given in the terms of port `own`, for port `port`: integers that stand for real numbers in A go to B as these
/// numbers.
pub(super) fn for_port(value: &Tensor, own: &Port, port: &Port) -> Result<Tensor> {
    let quantized =
        |p: &Port| p.dtype.is_integer() && p.quantization.as_ref().is_some_and(|q| q.is_active());
    let stored = value.dtype() == own.dtype && quantized(own);
    if stored && (port.dtype != own.dtype || port.quantization != own.quantization) {
        let real = feed::dequantized(value, own.quantization.as_ref())?;
        return feed::fit(real.into_owned(), port);
    }
    feed::fit(value.clone(), port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Quantization, Shape};

    fn port(name: &str, dtype: DType, quantization: Option<Quantization>) -> Port {
        Port {
            quantization,
            ..Port::new(name, dtype, Shape::of(&[2]))
        }
    }

    #[test]
    fn stored_integers_of_one_side_are_real_numbers_of_the_other() {
        let float = port("x", DType::Float32, None);
        let int = port("x", DType::Int8, Some(Quantization::per_tensor(0.5, 1)));
        let given = Tensor::from_values(&[2], &[3i8, -1]);
        let real = for_port(&given, &int, &float).unwrap();
        assert_eq!(real.numbers(), [1.0, -1.0]);
        assert_eq!(for_port(&real, &float, &int).unwrap(), given);
        assert_eq!(for_port(&given, &int, &int).unwrap(), given);
    }

    #[test]
    fn inputs_are_found_under_either_name() {
        let given = vec![("b".to_owned(), Tensor::from_values(&[2], &[1.0f32, 2.0]))];
        let (a, b) = (
            port("a", DType::Float32, None),
            port("b", DType::Float32, None),
        );
        assert!(value(&given, 0, &a, &b).is_ok());
        let error = value(&given, 0, &a, &a).unwrap_err();
        assert_eq!(error.to_string(), "no value for input \"a\"; there are: b");
    }
}

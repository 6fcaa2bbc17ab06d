//! What a caller gives, against what the signature wants.

use std::borrow::Cow;

use crate::error::{Error, Kind, Result};
use crate::model::{DType, Port, Tensor};

/// The given tensors in the order of `ports`. Names may be the ports' own or `#0`, `#1`, …. Floats for a quantized
/// input are quantized with its scale and zero point. With `resizes` other sizes than a port's are taken, if there are
/// as many.
///
/// # Errors
/// Unknown, missing or repeated names, other types, sizes that don't fit; each says what would fit.
pub fn arrange<'t>(
    ports: &[Port],
    given: &'t [(String, Tensor)],
    resizes: bool,
) -> Result<Vec<Cow<'t, Tensor>>> {
    let mut found: Vec<Option<Cow<Tensor>>> = vec![None; ports.len()];
    for (name, tensor) in given {
        let at = position(ports, name).ok_or_else(|| {
            Error::usage(format!("there is no input {name:?}")).hint(known(ports))
        })?;
        if found[at].is_some() {
            return Err(Error::usage(format!(
                "the input {:?} is given twice",
                ports[at].name
            )));
        }
        found[at] = Some(fit(&ports[at], tensor, resizes)?);
    }
    let missing: Vec<_> = ports
        .iter()
        .zip(&found)
        .filter(|(_, tensor)| tensor.is_none())
        .map(|(port, _)| describe(port))
        .collect();
    if !missing.is_empty() {
        let (noun, verb) = if missing.len() == 1 {
            ("input", "is")
        } else {
            ("inputs", "are")
        };
        return Err(Error::usage(format!(
            "the {noun} {} {verb} missing",
            missing.join(", ")
        )));
    }
    Ok(found.into_iter().flatten().collect())
}

/// Whether `given`, in the order of `ports`, have their types and fit their sizes; see [`arrange`] for `resizes`.
pub fn check(ports: &[Port], given: &[&Tensor], resizes: bool) -> Result<()> {
    if ports.len() != given.len() {
        return Err(Error::usage(format!(
            "{} inputs are given, expected {}",
            given.len(),
            ports.len()
        ))
        .hint(known(ports)));
    }
    for (port, tensor) in ports.iter().zip(given) {
        check_sizes(port, tensor, resizes)?;
        if tensor.dtype() != port.dtype {
            return Err(wrong_type(port, tensor));
        }
    }
    Ok(())
}

fn position(ports: &[Port], name: &str) -> Option<usize> {
    ports.iter().position(|p| &*p.name == name).or_else(|| {
        let index: usize = name.strip_prefix('#')?.parse().ok()?;
        (index < ports.len()).then_some(index)
    })
}

fn describe(port: &Port) -> String {
    format!("{:?} ({} {})", port.name, port.dtype, port.shape)
}

fn known(ports: &[Port]) -> String {
    if ports.is_empty() {
        return "the signature has no inputs".to_owned();
    }
    let list: Vec<_> = ports.iter().map(describe).collect();
    format!("there are: {}", list.join(", "))
}

/// Why the graph did not take `given`: sizes that were tried although they are not a port's are the reason, if there
/// are any.
pub fn misfit(ports: &[Port], given: &[&Tensor], error: Error) -> Error {
    let mut sizes = ports.iter().zip(given);
    let wrong = sizes.find_map(|(port, tensor)| check_sizes(port, tensor, false).err());
    match wrong {
        Some(wrong) if error.kind() == Kind::Usage => {
            wrong.hint(format!("the graph takes no other sizes here: {error}"))
        }
        _ => error,
    }
}

fn check_sizes(port: &Port, tensor: &Tensor, resizes: bool) -> Result<()> {
    let rank = port.shape.rank();
    let resized = resizes && rank == Some(tensor.shape().len());
    if resized || port.shape.accepts(tensor.shape()) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the input {:?} has the sizes {:?}, expected {}",
        port.name,
        tensor.shape(),
        port.shape
    )))
}

fn wrong_type(port: &Port, tensor: &Tensor) -> Error {
    Error::usage(format!(
        "the input {:?} is {}, expected {}",
        port.name,
        tensor.dtype(),
        port.dtype
    ))
}

fn fit<'t>(port: &Port, tensor: &'t Tensor, resizes: bool) -> Result<Cow<'t, Tensor>> {
    check_sizes(port, tensor, resizes)?;
    if tensor.dtype() == port.dtype {
        return Ok(Cow::Borrowed(tensor));
    }
    if let (Some(values), Some(q)) = (tensor.values::<f32>(), port.quantization.as_ref())
        && let Some((scale, zero)) = q.single().filter(|(scale, _)| *scale > 0.0)
    {
        return quantize(port, tensor.shape(), values, scale, zero).map(Cow::Owned);
    }
    match same_bits(port.dtype, tensor) {
        Some(bits) => Ok(Cow::Owned(bits)),
        None => Err(wrong_type(port, tensor)),
    }
}

/// bfloat16 comes as its bits in uint16, sub-byte integers as (u)int8.
fn same_bits(dtype: DType, tensor: &Tensor) -> Option<Tensor> {
    let carrier = match dtype {
        DType::BFloat16 | DType::QUInt16 => DType::UInt16,
        DType::Int4 | DType::Int2 | DType::QInt8 => DType::Int8,
        DType::UInt4 | DType::UInt2 | DType::QUInt8 => DType::UInt8,
        DType::QInt16 => DType::Int16,
        DType::QInt32 => DType::Int32,
        _ => return None,
    };
    if tensor.dtype() != carrier {
        return None;
    }
    Tensor::from_bytes(dtype, tensor.shape(), tensor.bytes()?).ok()
}

fn quantize(port: &Port, shape: &[usize], values: &[f32], scale: f32, zero: i64) -> Result<Tensor> {
    let steps = values.iter().map(|v| (v / scale).round() as i64 + zero);
    Ok(match port.dtype {
        DType::Int8 => Tensor::from_values(
            shape,
            &saturated(steps, i8::MIN.into(), i8::MAX.into(), |v| v as i8),
        ),
        DType::UInt8 => {
            Tensor::from_values(shape, &saturated(steps, 0, u8::MAX.into(), |v| v as u8))
        }
        DType::Int16 => Tensor::from_values(
            shape,
            &saturated(steps, i16::MIN.into(), i16::MAX.into(), |v| v as i16),
        ),
        other => {
            return Err(Error::usage(format!(
                "the input {:?} is {other}, floats are turned into int8, uint8 and int16 only",
                port.name
            )));
        }
    })
}

fn saturated<T>(
    steps: impl Iterator<Item = i64>,
    lo: i64,
    hi: i64,
    to: impl Fn(i64) -> T,
) -> Vec<T> {
    steps.map(|v| to(v.clamp(lo, hi))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quantization, Shape};

    fn port(name: &str, dtype: DType, shape: &[i64]) -> Port {
        Port::new(name, dtype, Shape(Some(shape.to_vec())))
    }

    #[test]
    fn errors_say_what_would_fit() {
        let ports = [
            port("x", DType::Float32, &[-1, 2]),
            port("n", DType::Int32, &[]),
        ];
        let say =
            |given: &[(String, Tensor)]| arrange(&ports, given, false).unwrap_err().to_string();
        let x = Tensor::from_values(&[1, 2], &[1.0f32, 2.0]);
        insta::assert_snapshot!(say(&[("y".into(), x.clone())]), @r#"there is no input "y"; there are: "x" (float32 ?×2), "n" (int32 scalar)"#);
        insta::assert_snapshot!(say(&[("x".into(), x.clone())]), @r#"the input "n" (int32 scalar) is missing"#);
        insta::assert_snapshot!(say(&[("#1".into(), x.clone())]), @r#"the input "n" has the sizes [1, 2], expected scalar"#);
        insta::assert_snapshot!(say(&[("#1".into(), Tensor::from_values(&[], &[1i64]))]), @r#"the input "n" is int64, expected int32"#);
        insta::assert_snapshot!(say(&[("#0".into(), x.clone()), ("x".into(), x)]), @r#"the input "x" is given twice"#);
    }

    #[test]
    fn floats_are_quantized_for_an_integer_input() {
        let mut q = port("q", DType::Int8, &[4]);
        q.quantization = Some(Quantization::per_tensor(0.5, 3));
        let floats = Tensor::from_values(&[4], &[0.0f32, 1.0, 1000.0, f32::NAN]);
        let given = [("q".to_owned(), floats)];
        let out = arrange(&[q], &given, false).unwrap();
        assert_eq!(out[0].values::<i8>().unwrap(), [3, 5, 127, 3]);
    }
}

//! Tensors as the bytes of TensorFlow's own message, and back.

use super::segment::view;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::format::saved_model::serialized;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["SerializeTensor"],
        &[],
        |cx| cx.one(DType::String, Shape::scalar()),
        prepare_written,
    ),
    Operator::new(&["ParseTensor"], &[], infer_read, prepare_read),
];

fn prepare_written(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let bytes = serialized::write(&view(inputs, 0)?.to_tensor()?)?;
        Ok(vec![Tensor::from_strings(&[], vec![bytes])])
    })
}

fn infer_read(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::UNKNOWN)
}

fn prepare_read(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    Prepared::compute(move |inputs| {
        let [bytes] = view(inputs, 0)?.strings()? else {
            return Err(Error::usage("several texts, expected one tensor"));
        };
        let tensor = serialized::read(bytes)?;
        match tensor.dtype() == dtype {
            true => Ok(vec![tensor]),
            false => Err(Error::usage(format!(
                "a stored tensor of {}, expected {dtype}",
                tensor.dtype()
            ))),
        }
    })
}

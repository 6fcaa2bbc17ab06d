//! Tensors as the bytes of TensorFlow's own message, and back; bytes that were pressed.

use std::io::{ErrorKind, Read};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::segment::view;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::format::saved_model::serialized;
use crate::memory;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["SerializeTensor"],
        &[],
        |cx| cx.one(DType::String, Shape::scalar()),
        prepare_written,
    ),
    Operator::new(&["ParseTensor"], &[], infer_read, prepare_read),
    Operator::new(
        &["DecodeCompressed"],
        &[],
        |cx| cx.one(DType::String, cx.shape(0)?.clone()),
        prepare_unpressed,
    ),
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

fn prepare_unpressed(cx: &Context) -> Result<Prepared> {
    let kind = cx.node.attrs.text("compression_type").unwrap_or_default();
    let unpressed: fn(&[u8]) -> Result<Vec<u8>> = match kind {
        "" => |bytes| Ok(bytes.to_vec()),
        "ZLIB" => |bytes| whole(ZlibDecoder::new(bytes)),
        "GZIP" => |bytes| whole(MultiGzDecoder::new(bytes)),
        other => {
            return Err(cx.unsupported(format!("compression by {other:?}, expected ZLIB or GZIP")));
        }
    };
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let texts = x.strings()?.iter().map(|bytes| match bytes.is_empty() {
            true => Ok(Vec::new()),
            false => unpressed(bytes),
        });
        let texts = texts.collect::<Result<_>>()?;
        Ok(vec![Tensor::from_strings(x.shape, texts)])
    })
}

/// All that a stream gives. Of one that is cut off that is what is there, as in TensorFlow.
fn whole(mut stream: impl Read) -> Result<Vec<u8>> {
    let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return Ok(all),
            Ok(count) => {
                // The next doubling of the room is asked for before it is taken.
                if all.len() + count > all.capacity() {
                    memory::ask("what compressed bytes hold", 2 * all.capacity() + count)?;
                }
                all.extend_from_slice(&part[..count]);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(all),
            Err(e) => {
                return Err(Error::usage(format!(
                    "compressed bytes that are damaged: {e}"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `zlib.compress(b"hello" * 9)`
    const HELLOS: &[u8] = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\xcf\x20\x92\x00\x00\xad\xab\x12\xb5";

    #[test]
    fn streams_are_read_as_far_as_they_go() {
        let read = |bytes: &[u8]| whole(ZlibDecoder::new(bytes));
        assert_eq!(read(HELLOS).unwrap(), b"hello".repeat(9));
        assert_eq!(
            read(&HELLOS[..HELLOS.len() - 4]).unwrap(),
            b"hello".repeat(9)
        );
        assert_eq!(
            read(&[HELLOS, b"more"].concat()).unwrap(),
            b"hello".repeat(9)
        );
        assert!(read(b"abc").is_err());
    }
}

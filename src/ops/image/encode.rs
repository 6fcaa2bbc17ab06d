//! Images to the bytes of files. A JPEG file is TensorFlow's to the byte. A PNG file holds the very samples; its bytes
//! are others than TensorFlow's, which another library presses.

use crate::error::{Error, Result};
use crate::format::image::jpeg::{self, Wishes};
use crate::format::image::{self, Image, Samples};
use crate::model::{Attr, DType, Shape, Tensor};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["EncodePng"], &[], infer, prepare),
    Operator::new(
        &["EncodeJpeg", "EncodeJpegVariableQuality"],
        &[],
        |cx| cx.one(DType::String, Shape::scalar()),
        prepare_jpeg,
    ),
];

/// One file per image.
fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let files = match cx.shape(0)?.dims() {
        Some([files @ .., _, _, _]) => Shape(Some(files.to_vec())),
        Some(_) => return Err(cx.wrong(format!("images of {}", cx.shape(0)?))),
        None => Shape::UNKNOWN,
    };
    cx.one(DType::String, files)
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (effort, dtype) = (cx.attr_int("compression", -1), cx.dtype(0)?);
    if !(-1..=9).contains(&effort) {
        return Err(cx.wrong(format!("compression {effort}, expected -1 to 9")));
    }
    if !matches!(dtype, DType::UInt8 | DType::UInt16) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let &[ref files @ .., height, width, channels] = x.shape else {
            return Err(Error::usage(format!("images of {:?}", x.shape)));
        };
        let count = files.iter().product::<usize>();
        // Without files the sizes of each may be any.
        let each = height.saturating_mul(width).saturating_mul(channels);
        let written = (0..count).map(|at| {
            let samples = at * each..(at + 1) * each;
            let samples = match dtype {
                DType::UInt8 => Samples::Bytes(x.values::<u8>()?[samples].to_vec()),
                _ => Samples::Words(x.values::<u16>()?[samples].to_vec()),
            };
            let image = Image {
                width,
                height,
                channels,
                samples,
            };
            image::encode_png(&image, effort)
        });
        let written = written.collect::<Result<Vec<_>>>()?;
        Ok(vec![Tensor::from_strings(files, written)])
    })
}

/// One image; its quality is an attribute or an input.
fn prepare_jpeg(cx: &Context) -> Result<Prepared> {
    let attrs = &cx.node.attrs;
    let bool = |name: &str, default| attrs.bool(name).unwrap_or(default);
    let text = |name: &str| match cx.attr(name) {
        Some(Attr::Bytes(bytes)) => bytes.to_vec(),
        Some(other) => other.as_text().unwrap_or_default().as_bytes().to_vec(),
        None => Vec::new(),
    };
    let channels = match &text("format")[..] {
        b"" => None,
        b"grayscale" => Some(1),
        b"rgb" => Some(3),
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(cx.wrong(format!("the format {other:?}, expected grayscale or rgb")));
        }
    };
    let unit = match &text("density_unit")[..] {
        b"" | b"in" => 1,
        b"cm" => 2,
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(cx.wrong(format!("the unit {other:?}, expected in or cm")));
        }
    };
    let told = &*cx.node.op == "EncodeJpegVariableQuality";
    let wishes = Wishes {
        quality: quality(cx.attr_int("quality", 95))?,
        progressive: bool("progressive", false),
        small: bool("optimize_size", false),
        halved_colour: bool("chroma_downsampling", true),
        unit,
        // As libjpeg keeps them.
        density: ["x_density", "y_density"].map(|name| cx.attr_int(name, 300) as u16),
        xmp: text("xmp_metadata"),
    };
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let &[height, width, own] = x.shape else {
            return Err(Error::usage(format!("an image of {:?}", x.shape)));
        };
        if channels.is_some_and(|channels| channels != own) {
            return Err(Error::usage(format!(
                "an image of {own} channels, whose format has others"
            )));
        }
        let mut wishes = wishes.clone();
        if told {
            let first = whole_numbers(&view(inputs, 1)?)?.first().copied();
            wishes.quality = quality(first.unwrap_or(-1))?;
        }
        let image = Image {
            width,
            height,
            channels: own,
            samples: Samples::Bytes(x.values::<u8>()?.to_vec()),
        };
        let file = jpeg::encode(&image, &wishes)?;
        Ok(vec![Tensor::from_strings(&[], vec![file])])
    })
}

fn quality(told: i64) -> Result<u8> {
    let fits = u8::try_from(told).ok().filter(|&quality| quality <= 100);
    fits.ok_or_else(|| Error::usage(format!("the quality {told}, expected 0 to 100")))
}

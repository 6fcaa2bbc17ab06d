//! Images from the bytes of their files.

use crate::error::{Error, Result};
use crate::format::image::{self, Image, Kind, Samples, jpeg};
use crate::model::{DType, Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "DecodeJpeg",
            "DecodePng",
            "DecodeImage",
            "DecodeGif",
            "DecodeBmp",
            "DecodeAndCropJpeg",
            "DecodeWebP",
        ],
        &[],
        infer,
        prepare,
    ),
    Operator::new(&["ExtractJpegShape"], &[], infer_shape, prepare_shape),
];

/// What the attributes ask for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    channels: usize,
    dtype: DType,
    jpeg: jpeg::Options,
    /// All frames, in an axis of their own; or the first alone, without one.
    frames: Option<bool>,
}

impl Wish {
    fn of(cx: &Context) -> Result<Self> {
        let channels = cx.attr_int("channels", 0);
        let channels = usize::try_from(channels)
            .ok()
            .filter(|channels| matches!(channels, 0 | 1 | 3 | 4))
            .ok_or_else(|| cx.wrong(format!("{channels} channels")))?;
        let ratio = usize::try_from(cx.attr_int("ratio", 1)).unwrap_or(0);
        Ok(Wish {
            channels,
            dtype: cx.node.attrs.dtype("dtype").unwrap_or(DType::UInt8),
            jpeg: jpeg::Options {
                channels,
                ratio,
                fast_transform: cx.node.attrs.text("dct_method") != Some("INTEGER_ACCURATE"),
                smooth_chroma: cx.node.attrs.bool("fancy_upscaling").unwrap_or(true),
            },
            frames: match &*cx.node.op {
                "DecodeGif" | "DecodeWebP" => Some(true),
                "DecodeImage" => Some(cx.node.attrs.bool("expand_animations").unwrap_or(true)),
                _ => None,
            },
        })
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let wish = Wish::of(cx)?;
    let channels = match (&*cx.node.op, wish.channels) {
        ("DecodeGif", _) => 3,
        (_, 0) => -1,
        (_, channels) => channels as i64,
    };
    cx.one(
        wish.dtype,
        match (&*cx.node.op, wish.frames) {
            ("DecodeGif" | "DecodeWebP", _) => Shape(Some(vec![-1, -1, -1, channels])),
            (_, Some(true)) => Shape::UNKNOWN,
            _ => Shape(Some(vec![-1, -1, channels])),
        },
    )
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let wish = Wish::of(cx)?;
    let (op, crops) = (cx.node.op.clone(), cx.has(1));
    Prepared::compute(move |inputs| {
        let file = view(inputs, 0)?;
        let [bytes] = file.strings()? else {
            return Err(Error::usage(format!(
                "{:?} files, expected one",
                file.shape
            )));
        };
        let window = match crops {
            true => Some(view(inputs, 1)?.values::<i32>()?),
            false => None,
        };
        let kind = Kind::of(bytes).ok_or_else(|| {
            Error::usage("bytes that are no image: expected JPEG, PNG, GIF, BMP or WebP")
        })?;
        let allowed = match &*op {
            "DecodeImage" => true,
            "DecodeBmp" => kind == Kind::Bmp,
            "DecodeWebP" => kind == Kind::Webp,
            "DecodeAndCropJpeg" => kind == Kind::Jpeg,
            _ => !matches!(kind, Kind::Bmp | Kind::Webp),
        };
        if !allowed {
            return Err(Error::usage(format!("an image of kind {kind:?}")));
        }
        let (mut images, animated) = decoded(bytes, kind, wish)?;
        if let Some(window) = window {
            images = images
                .iter()
                .map(|image| cropped(image, window))
                .collect::<Result<_>>()?;
        }
        let framed =
            matches!(&*op, "DecodeGif" | "DecodeWebP") || animated && wish.frames == Some(true);
        tensor(&images, framed, wish.dtype).map(|tensor| vec![tensor])
    })
}

/// The images of a file, and whether it is of a kind that has several.
fn decoded(bytes: &[u8], kind: Kind, wish: Wish) -> Result<(Vec<Image>, bool)> {
    let wide = wish.dtype != DType::UInt8;
    Ok(match kind {
        Kind::Jpeg => (vec![jpeg::decode(bytes, wish.jpeg)?], false),
        Kind::Png => (vec![image::decode_png(bytes, wish.channels, wide)?], false),
        Kind::Bmp => (vec![image::decode_bmp(bytes, wish.channels)?], false),
        Kind::Gif => {
            if matches!(wish.channels, 1 | 4) {
                return Err(Error::usage(format!(
                    "{} channels of a GIF file, which has 3",
                    wish.channels
                )));
            }
            let most = if wish.frames == Some(true) {
                usize::MAX
            } else {
                1
            };
            let frames = image::decode_gif(bytes, usize::MAX)?;
            if wish.frames.is_none() && frames.len() > 1 {
                return Err(Error::usage("a GIF file with several frames"));
            }
            (frames.into_iter().take(most).collect(), true)
        }
        Kind::Webp => {
            let most = if wish.frames == Some(false) {
                1
            } else {
                usize::MAX
            };
            let frames = image::decode_webp(bytes, most)?;
            let own = frames.first().map_or(0, |frame| frame.channels);
            if !matches!(wish.channels, 0 | 3 | 4) || wish.channels != 0 && wish.channels != own {
                return Err(Error::usage(format!(
                    "{} channels of a WebP file that has {own}",
                    wish.channels
                )));
            }
            if wide {
                return Err(Error::usage(format!("{} of a WebP file", wish.dtype)));
            }
            (frames, true)
        }
    })
}

/// The part of an image in a window of top, left, height and width.
fn cropped(image: &Image, window: &[i32]) -> Result<Image> {
    let told: Vec<usize> = (window.iter()).filter_map(|&v| v.try_into().ok()).collect();
    let &[top, left, height, width] = &told[..] else {
        return Err(Error::usage(format!("a window of {window:?}")));
    };
    let inside = height > 0
        && width > 0
        && top.saturating_add(height) <= image.height
        && left.saturating_add(width) <= image.width;
    let (true, Samples::Bytes(samples)) = (inside, &image.samples) else {
        return Err(Error::usage(format!(
            "a window of {window:?} in an image of {}×{}",
            image.height, image.width
        )));
    };
    let (stride, channels) = (image.width * image.channels, image.channels);
    let rows =
        (top..top + height).map(|y| &samples[y * stride + left * channels..][..width * channels]);
    Ok(Image {
        width,
        height,
        channels,
        samples: Samples::Bytes(rows.flatten().copied().collect()),
    })
}

fn tensor(images: &[Image], framed: bool, dtype: DType) -> Result<Tensor> {
    let Some(first) = images.first() else {
        return Err(Error::usage("a file without an image"));
    };
    let mut shape = vec![first.height, first.width, first.channels];
    if framed {
        shape.insert(0, images.len());
    }
    let (mut bytes, mut words) = (Vec::new(), Vec::new());
    for image in images {
        match &image.samples {
            Samples::Bytes(samples) => bytes.extend_from_slice(samples),
            Samples::Words(samples) => words.extend_from_slice(samples),
        }
    }
    let real = |value: u16, most: f32| f32::from(value) / most;
    Ok(match (dtype, words.is_empty()) {
        (DType::UInt8, _) => Tensor::from_values(&shape, &bytes),
        (DType::UInt16, false) => Tensor::from_values(&shape, &words),
        (DType::UInt16, true) => {
            let words: Vec<u16> = bytes.iter().map(|&v| u16::from(v) * 256).collect();
            Tensor::from_values(&shape, &words)
        }
        (DType::Float32, false) => {
            let values: Vec<f32> = words.iter().map(|&v| real(v, 65535.0)).collect();
            Tensor::from_values(&shape, &values)
        }
        (DType::Float32, true) => {
            let values: Vec<f32> = bytes.iter().map(|&v| real(v.into(), 255.0)).collect();
            Tensor::from_values(&shape, &values)
        }
        (other, _) => return Err(Error::unsupported(format!("images of {other}"))),
    })
}

fn infer_shape(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![Fact::fixed(cx.out_dtype(0)?, &[3])])
}

fn prepare_shape(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    Prepared::compute(move |inputs| {
        let file = view(inputs, 0)?;
        let [bytes] = file.strings()? else {
            return Err(Error::usage("it reads one file"));
        };
        let sizes = jpeg::sizes(bytes)?.map(|size| size as i32);
        Ok(vec![match dtype {
            DType::Int64 => Tensor::from_values(&[3], &sizes.map(i64::from)),
            _ => Tensor::from_values(&[3], &sizes),
        }])
    })
}

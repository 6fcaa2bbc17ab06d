//! Images of other sizes.

use super::movement::element_size;
use super::types::with_number;
use super::windows::dims4;
use super::{Context, Fact, Operator, Prepared, room_bytes};
use crate::error::Result;
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::kernels::fast::{Bilinear, Blend, Nearest, has_tables};
use crate::kernels::reference::resize::{
    Resize, resize_bilinear_f32, resize_bilinear_quantized, resize_bilinear_u8, resize_nearest,
};
use crate::model::{DType, Element, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ResizeBilinear"],
        &["RESIZE_BILINEAR"],
        infer_bilinear,
        prepare_bilinear,
    ),
    Operator::new(
        &["ResizeNearestNeighbor"],
        &["RESIZE_NEAREST_NEIGHBOR"],
        infer_nearest,
        prepare_nearest,
    ),
];

/// The height and width asked for, if known.
fn wanted(cx: &Context) -> Result<Option<[i64; 2]>> {
    match cx.ints(1)?.as_deref() {
        None => Ok(None),
        Some(&[h, w]) if [h, w].iter().all(|v| (1..1 << 31).contains(v)) => Ok(Some([h, w])),
        Some(other) => Err(cx.wrong(format!("a height and width of {other:?}"))),
    }
}

fn infer(cx: &Context, dtype: DType) -> Result<Vec<Fact>> {
    let [h, w] = wanted(cx)?.unwrap_or([-1; 2]);
    let shape = match cx.shape(0)?.dims() {
        Some(&[n, _, _, c]) => dims4([n, h, w, c]),
        Some(_) => return Err(no_image(cx, cx.shape(0)?)),
        None => dims4([-1, h, w, -1]),
    };
    cx.one(dtype, shape)
}

fn no_image(cx: &Context, shape: &Shape) -> crate::error::Error {
    cx.wrong(format!("an input of {shape}, expected 4 dimensions"))
}

/// In TensorFlow the answer is float32 whatever comes in.
fn infer_bilinear(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = if cx.tflite() {
        cx.dtype(0)?
    } else {
        DType::Float32
    };
    infer(cx, dtype)
}

fn infer_nearest(cx: &Context) -> Result<Vec<Fact>> {
    infer(cx, cx.dtype(0)?)
}

fn geometry(cx: &Context) -> Result<Option<Resize>> {
    let Some([out_h, out_w]) = wanted(cx)? else {
        return Ok(None);
    };
    let [batch, in_h, in_w, channels] = cx.sizes(0)?[..] else {
        return Err(no_image(cx, cx.shape(0)?));
    };
    if in_h == 0 || in_w == 0 {
        return Err(cx.wrong(format!("an empty image of {}", cx.shape(0)?)));
    }
    Ok(Some(Resize {
        batch,
        in_h,
        in_w,
        channels,
        out_h: out_h as usize,
        out_w: out_w as usize,
        align_corners: cx.attr_bool("align_corners"),
        half_pixel: cx.attr_bool("half_pixel_centers"),
    }))
}

fn prepare_nearest(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 0)?;
    let Some(p) = geometry(cx)? else {
        return super::later();
    };
    if cx.options.reference || !has_tables(&p) {
        return Prepared::function(move |io| {
            resize_nearest(&p, size, io.view(0)?.bytes(), io.output_bytes(0)?);
            Ok(())
        });
    }
    let kernel = Nearest::new(&p, size);
    Prepared::function(move |io| {
        kernel.run(io.view(0)?.bytes(), io.output_bytes(0)?, io.threads);
        Ok(())
    })
}

fn prepare_bilinear(cx: &Context) -> Result<Prepared> {
    let Some(p) = geometry(cx)? else {
        return super::later();
    };
    if p.align_corners && p.half_pixel {
        return Err(cx.wrong("both align_corners and half_pixel_centers, expected one at most"));
    }
    let count = cx.sizes(0)?.iter().product();
    match cx.dtype(0)? {
        DType::Float32 => bilinear(cx, p, resize_bilinear_f32),
        DType::UInt8 if cx.tflite() => bilinear(cx, p, resize_bilinear_u8),
        DType::Int8 if cx.tflite() => bilinear(cx, p, resize_bilinear_quantized::<i8>),
        DType::Int16 if cx.tflite() => Prepared::function(move |io| {
            resize_bilinear_quantized::<i16>(&p, io.input(0)?, io.output(0)?);
            Ok(())
        }),
        _ if !cx.tflite() && !has_tables(&p) => {
            let (h, w) = (p.out_h, p.out_w);
            Err(cx.unsupported(format!("an image of {h} x {w} x {}", p.channels)))
        }
        dtype if !cx.tflite() => {
            let kernel = Bilinear::<f32>::new(&p);
            let room = kernel.scratch_len();
            let scratch = room_bytes::<f32>(count).saturating_add(room_bytes::<f32>(room));
            with_number!(
                dtype, T => Prepared::with_room(scratch, move |io| {
                    let (wide, room) = (io.room(count)?, io.room(room)?);
                    map(io.input::<T>(0)?, wide, |v| v.to_f64() as f32);
                    kernel.run(wide, io.output(0)?, room, io.threads);
                    Ok(())
                }),
                else Err(cx.no_kernel(dtype))
            )
        }
        other => Err(cx.no_kernel(other)),
    }
}

fn bilinear<T>(cx: &Context, p: Resize, plain: fn(&Resize, &[T], &mut [T])) -> Result<Prepared>
where
    T: Blend + Element,
{
    if cx.options.reference || !has_tables(&p) {
        return Prepared::function(move |io| {
            plain(&p, io.input(0)?, io.output(0)?);
            Ok(())
        });
    }
    let kernel = Bilinear::<T>::new(&p);
    let room = kernel.scratch_len();
    Prepared::with_room(room_bytes::<T::Wide>(room), move |io| {
        let (threads, room) = (io.threads, io.room(room)?);
        kernel.run(io.input(0)?, io.output(0)?, room, threads);
        Ok(())
    })
}

//! JPEG files, baseline and progressive, decoded to the very bytes of libjpeg-turbo, of which TensorFlow's answers are
//! made: its two inverse transforms, its triangle filter for chroma and its fixed-point colours. ITU-T T.81 is the format.

mod colour;
mod entropy;
mod planes;
mod transform;
mod write;

use self::entropy::{Component, Scan, Tables};
use super::{Image, Samples};
use crate::error::{Error, Result};
use crate::memory;

pub use write::{Wishes, encode};

/// How to decode.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// 1 for grey, 3 for RGB, 0 for what the file has, RGB at most.
    pub channels: usize,
    /// The less exact of libjpeg's integer transforms (Arai, Agui and Nakajima's), TensorFlow's default.
    pub fast_transform: bool,
    /// One so-manieth of the size: 1, 2, 4 or 8.
    pub ratio: usize,
    /// Whether chroma between samples is interpolated, or repeated.
    pub smooth_chroma: bool,
}

/// What the samples stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// The headers read so far.
#[derive(Default)]
struct File {
    width: usize,
    height: usize,
    progressive: bool,
    components: Vec<Component>,
    /// By number, in zigzag order.
    quantization: [Option<[u16; 64]>; 4],
    tables: Tables,
    restart_interval: usize,
    jfif: bool,
    /// The colour transform that Adobe's marker names.
    adobe: Option<u8>,
    scans: usize,
}

/// A file with more scans only keeps its reader busy: the usual programs write ten or so, and libjpeg-turbo advises
/// its users to stop at 500.
const MOST_SCANS: usize = 500;

fn broken(what: &str) -> Error {
    Error::usage(format!("a JPEG file with {what}"))
}

/// # Errors
/// What is no JPEG file, damaged, cut off, or of a kind that nothing here reads (arithmetic coding, 12 bits, lossless).
pub fn decode(bytes: &[u8], options: Options) -> Result<Image> {
    read(bytes, false)?.image(options)
}

/// Height, width and components, without decoding.
///
/// # Errors
/// As [`decode`].
pub fn sizes(bytes: &[u8]) -> Result<[usize; 3]> {
    let file = read(bytes, true)?;
    Ok([file.height, file.width, file.components.len()])
}

fn read(bytes: &[u8], only_sizes: bool) -> Result<File> {
    let mut file = File::default();
    let mut rest = bytes
        .strip_prefix(&[0xff, 0xd8])
        .ok_or_else(|| broken("no start"))?;
    loop {
        let (marker, after) = next_marker(rest)?;
        let known = only_sizes && !file.components.is_empty();
        if marker == 0xd9 || known {
            break;
        }
        rest = after;
        // Markers without a body.
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            continue;
        }
        let length = u16_at(rest, 0).map(usize::from);
        let body = length.and_then(|n| rest.get(2..n));
        let body = body.ok_or_else(|| broken("a marker that ends behind the file"))?;
        rest = &rest[body.len() + 2..];
        match marker {
            0xc0..=0xc2 => file.frame(body, marker == 0xc2, bytes.len())?,
            0xc4 => file.tables.read(body)?,
            0xc3 | 0xc5..=0xcf => {
                return Err(Error::unsupported(format!(
                    "JPEG files of coding process {}",
                    marker - 0xc0
                )));
            }
            0xda => rest = file.scan(body, rest)?,
            0xdb => file.quantizers(body)?,
            0xdd => {
                let interval = u16_at(body, 0).ok_or_else(|| broken("a short marker"))?;
                file.restart_interval = interval.into();
            }
            0xe0 => file.jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") => file.adobe = body.get(11).copied(),
            _ => {}
        }
    }
    Ok(file)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

/// The next marker's code and what stands behind it.
fn next_marker(bytes: &[u8]) -> Result<(u8, &[u8])> {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == 0xff) {
        rest = &rest[at + 1..];
        match rest {
            [0 | 0xff, ..] => {}
            &[marker, ref after @ ..] => return Ok((marker, after)),
            [] => break,
        }
    }
    Err(broken("no end: it is cut off"))
}

impl File {
    fn frame(&mut self, body: &[u8], progressive: bool, file_len: usize) -> Result<()> {
        let short = || broken("a short frame header");
        if !self.components.is_empty() {
            return Err(broken("two frames"));
        }
        let &[precision, _, _, _, _, count, ref specs @ ..] = body else {
            return Err(short());
        };
        if precision != 8 {
            return Err(Error::unsupported(format!(
                "JPEG files of {precision} bits a sample"
            )));
        }
        (self.height, self.width) = (
            u16_at(body, 1).ok_or_else(short)?.into(),
            u16_at(body, 3).ok_or_else(short)?.into(),
        );
        if self.height == 0 || self.width == 0 || !matches!(count, 1 | 3 | 4) {
            return Err(broken("sizes of 0, or neither 1, 3 nor 4 components"));
        }
        self.progressive = progressive;
        let specs = specs.chunks_exact(3).take(count.into());
        let components = specs.map(|spec| {
            let (h, v) = (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
            match (h, v, spec[2]) {
                (1..=4, 1..=4, 0..=3) => Ok(Component::new(spec[0], [h, v], spec[2].into())),
                _ => Err(broken("sampling factors or tables out of range")),
            }
        });
        self.components = components.collect::<Result<_>>()?;
        if self.components.len() != usize::from(count) {
            return Err(short());
        }
        let [most_h, most_v] = self.most();
        let across = self.width.div_ceil(8 * most_h);
        let down = self.height.div_ceil(8 * most_v);
        let (width, height) = (self.width, self.height);
        for component in &mut self.components {
            let (h, v) = (component.h, component.v);
            component.size = [(width * h).div_ceil(most_h), (height * v).div_ceil(most_v)];
            component.blocks = [across * h, down * v];
        }
        // Each block takes a bit of the file at least, two words of one bit where there is but one scan.
        let least = if progressive { 1 } else { 2 };
        let blocks = self.components.iter().map(|c| c.blocks[0] * c.blocks[1]);
        if blocks.sum::<usize>() * least > file_len.saturating_mul(8) {
            return Err(broken("larger sizes than it has data for"));
        }
        Ok(())
    }

    /// Bytes that the coefficients, the components' samples and the pixels take together.
    fn bytes(&self) -> usize {
        let blocks = self.components.iter().map(|c| c.blocks[0] * c.blocks[1]);
        let pixels = self.width * self.height;
        blocks.sum::<usize>() * (size_of::<[i16; 64]>() + 64) + pixels * (self.components.len() + 3)
    }

    /// The largest sampling factors.
    fn most(&self) -> [usize; 2] {
        let h = self.components.iter().map(|c| c.h).max();
        let v = self.components.iter().map(|c| c.v).max();
        [h.unwrap_or(1), v.unwrap_or(1)]
    }

    fn quantizers(&mut self, mut body: &[u8]) -> Result<()> {
        while let Some((&head, rest)) = body.split_first() {
            let width = if head >> 4 == 0 { 1 } else { 2 };
            let (Some((values, rest)), Some(table)) = (
                rest.split_at_checked(64 * width),
                self.quantization.get_mut(usize::from(head & 15)),
            ) else {
                return Err(broken("a short table of divisors"));
            };
            let value = |pair: &[u8]| pair.iter().fold(0, |v, &b| v << 8 | u16::from(b));
            let mut divisors = [0; 64];
            for (divisor, bytes) in divisors.iter_mut().zip(values.chunks_exact(width)) {
                *divisor = value(bytes);
            }
            *table = Some(divisors);
            body = rest;
        }
        Ok(())
    }

    /// Reads one scan; gives what stands behind its data.
    fn scan<'b>(&mut self, body: &[u8], data: &'b [u8]) -> Result<&'b [u8]> {
        let short = || broken("a short scan header");
        if self.scans == 0 {
            memory::ask("the pixels of a JPEG file", self.bytes())?;
        }
        self.scans += 1;
        if self.scans > MOST_SCANS {
            return Err(broken(&format!("more than {MOST_SCANS} scans")));
        }
        let (&count, rest) = body.split_first().ok_or_else(short)?;
        let (specs, last) = (rest.split_at_checked(2 * usize::from(count))).ok_or_else(short)?;
        let &[first, end, approximation, ..] = last else {
            return Err(short());
        };
        let mut members = Vec::new();
        for spec in specs.chunks_exact(2) {
            let at = self.components.iter().position(|c| c.id == spec[0]);
            let at = at.ok_or_else(|| broken("a scan of a component that is not there"))?;
            members.push((at, usize::from(spec[1] >> 4), usize::from(spec[1] & 15)));
            // The table as it stands now; it may be another one for a later scan.
            let component = &mut self.components[at];
            if component.divisors.is_none() {
                component.divisors = self.quantization[component.table];
            }
            component.lay_out()?;
        }
        let scan = Scan {
            members,
            progressive: self.progressive,
            band: match self.progressive {
                true => [first.into(), end.into()],
                false => [0, 63],
            },
            high: match self.progressive {
                true => approximation >> 4,
                false => 0,
            },
            low: match self.progressive {
                true => approximation & 15,
                false => 0,
            },
            restart_interval: self.restart_interval,
        };
        let [most_h, most_v] = self.most();
        let units = [
            self.width.div_ceil(8 * most_h),
            self.height.div_ceil(8 * most_v),
        ];
        scan.read(&mut self.components, units, &self.tables, data)
    }

    fn space(&self) -> Space {
        let ids: Vec<u8> = self.components.iter().map(|c| c.id).collect();
        match (ids.len(), self.adobe) {
            (1, _) => Space::Grey,
            (3, _) if self.jfif => Space::YCbCr,
            (3, Some(0)) => Space::Rgb,
            (3, None) if ids == *b"RGB" => Space::Rgb,
            (3, _) => Space::YCbCr,
            (_, Some(2)) => Space::Ycck,
            _ => Space::Cmyk,
        }
    }

    fn image(&self, options: Options) -> Result<Image> {
        if self.components.is_empty() {
            return Err(broken("no frame"));
        }
        let space = self.space();
        let channels = match options.channels {
            0 => self.components.len().min(3),
            channels => channels,
        };
        let used = match (channels, space) {
            (1, Space::Grey | Space::YCbCr) => 1,
            (1, Space::Cmyk | Space::Ycck) => {
                return Err(Error::unsupported("grey of a JPEG file with four inks"));
            }
            (1 | 3, _) => self.components.len(),
            _ => return Err(Error::usage(format!("{channels} channels of a JPEG file"))),
        };
        if !matches!(options.ratio, 1 | 2 | 4 | 8) {
            return Err(Error::usage(format!("a size of one {}th", options.ratio)));
        }
        let size = [self.width, self.height].map(|n| n.div_ceil(options.ratio));
        let most = self.most();
        let planes = self.components[..used].iter().map(|component| {
            let points = component.points(most, 8 / options.ratio);
            let plane = component.plane(points, options.fast_transform)?;
            let whole = [self.width, self.height];
            let own = component.reduced(whole, most, points);
            let smooth = options.smooth_chroma && options.ratio < 8;
            let factors = component.factors(most, [8 / options.ratio, points]);
            plane.spread(own, factors?, size, smooth)
        });
        let planes: Vec<Vec<u8>> = planes.collect::<Result<_>>()?;
        let pixels = match channels {
            1 => colour::grey(space, &planes),
            _ => colour::rgb(space, &planes, self.adobe.is_some()),
        };
        Ok(Image {
            width: size[0],
            height: size[1],
            channels,
            samples: Samples::Bytes(pixels),
        })
    }
}

//! Images to JPEG files, baseline and progressive, with the very bytes of libjpeg-turbo, by which TensorFlow writes
//! them.

mod blocks;
mod codes;
mod scans;

use self::blocks::Plane;
use self::codes::{Codes, Table};
use self::scans::{Scan, Sink};
use super::super::{Image, Samples};
use crate::error::{Error, Result};

/// What a JPEG file is to be like.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// 0 to 100.
    pub quality: u8,
    pub progressive: bool,
    /// Codes made for the image; progressive files have no others.
    pub small: bool,
    /// Half as many samples of colour, both ways.
    pub halved_colour: bool,
    /// Pixels per inch (1) or centimetre (2), across and down.
    pub unit: u8,
    pub density: [u16; 2],
    /// Adobe's metadata.
    pub xmp: Vec<u8>,
}

/// The bytes of a file.
///
/// # Errors
/// An image of other than 1 or 3 channels of bytes, or too large or without pixels; metadata that is too long.
pub fn encode(image: &Image, wishes: &Wishes) -> Result<Vec<u8>> {
    // libjpeg's own.
    const MOST: usize = 65_500;
    let (
        &Image {
            width,
            height,
            channels,
            ..
        },
        Samples::Bytes(samples),
    ) = (image, &image.samples)
    else {
        return Err(Error::unsupported("a JPEG file of 16 bits"));
    };
    let fits = |size: usize| (1..=MOST).contains(&size);
    let count = width
        .checked_mul(height)
        .and_then(|n| n.checked_mul(channels));
    if !fits(width) || !fits(height) || !matches!(channels, 1 | 3) || count != Some(samples.len()) {
        return Err(Error::usage(format!(
            "an image of {height}×{width} with {channels} channels, expected 1 or 3 channels and 1 to {MOST} pixels \
             each way"
        )));
    }
    let divisors = blocks::divisors(wishes.quality);
    let size = [width, height, channels];
    let planes = blocks::planes(samples, size, wishes.halved_colour, &divisors)?;
    let mut file = File(vec![0xff, 0xd8]);
    file.heads(&planes, [width, height], wishes, &divisors)?;
    let scans = match wishes.progressive {
        true => Scan::steps(channels),
        false => Scan::whole(channels),
    };
    for scan in scans {
        file.scan(&scan, &planes, wishes.progressive || wishes.small);
    }
    file.0.extend([0xff, 0xd9]);
    Ok(file.0)
}

struct File(Vec<u8>);

impl File {
    /// A marker and what belongs to it.
    fn part(&mut self, marker: u8, body: &[u8]) -> Result<()> {
        let length = u16::try_from(body.len() + 2);
        let length = length.map_err(|_| {
            let bytes = body.len();
            Error::usage(format!(
                "{bytes} bytes of metadata, which a JPEG file has no room for"
            ))
        })?;
        self.0.extend([0xff, marker]);
        self.0.extend(length.to_be_bytes());
        self.0.extend(body);
        Ok(())
    }

    /// All that stands before the scans.
    fn heads(
        &mut self,
        planes: &[Plane],
        size: [usize; 2],
        wishes: &Wishes,
        divisors: &[[u8; 64]; 2],
    ) -> Result<()> {
        const NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
        let [across, down] = wishes.density.map(u16::to_be_bytes);
        let jfif = [
            b"JFIF\0\x01\x01",
            &[wishes.unit][..],
            &across,
            &down,
            &[0, 0],
        ];
        self.part(0xe0, &jfif.concat())?;
        if !wishes.xmp.is_empty() {
            self.part(0xe1, &[NAMESPACE, &wishes.xmp].concat())?;
        }
        for (number, divisors) in (0..).zip(divisors).take(planes.len().min(2)) {
            self.part(0xdb, &[&[number][..], divisors].concat())?;
        }
        let [width, height] = size.map(|size| (size as u16).to_be_bytes());
        let mut frame = [&[8][..], &height, &width, &[planes.len() as u8]].concat();
        for (number, plane) in (1..).zip(planes) {
            frame.extend([number, (plane.h << 4 | plane.v) as u8, plane.kind as u8]);
        }
        self.part(if wishes.progressive { 0xc2 } else { 0xc0 }, &frame)
    }

    /// A scan with the tables that it takes.
    fn scan(&mut self, scan: &Scan, planes: &[Plane], best: bool) {
        let mut counts = Counts::default();
        if best {
            scan.write(planes, &mut counts);
        }
        let mut bits = Bits::default();
        for number in scan.tables(planes) {
            let table = match best {
                true => Table::best(&counts.0[number]),
                false => Table::usual(number),
            };
            let head = [(((number / 2) << 4) | (number % 2)) as u8];
            let body = [&head[..], &table.counts, &table.symbols].concat();
            self.0.extend([0xff, 0xc4]);
            self.0.extend((body.len() as u16 + 2).to_be_bytes());
            self.0.extend(body);
            bits.codes[number] = Some(Codes::of(&table));
        }
        let tables = scan.tables(planes);
        let mut head = vec![scan.parts.len() as u8];
        for &part in &scan.parts {
            let kind = planes[part].kind;
            let named = |table: usize| {
                if tables.contains(&table) {
                    kind as u8
                } else {
                    0
                }
            };
            head.extend([part as u8 + 1, named(kind) << 4 | named(2 + kind)]);
        }
        head.extend(scan.band.map(|at| at as u8));
        head.push((scan.above << 4 | scan.below) as u8);
        self.0.extend([0xff, 0xda]);
        self.0.extend((head.len() as u16 + 2).to_be_bytes());
        self.0.extend(head);
        scan.write(planes, &mut bits);
        self.0.extend(bits.finish());
    }
}

/// How often each symbol of each table comes.
struct Counts([[u64; 256]; 4]);

impl Default for Counts {
    fn default() -> Self {
        Counts([[0; 256]; 4])
    }
}

impl Sink for Counts {
    fn symbol(&mut self, table: usize, symbol: u8) {
        self.0[table][usize::from(symbol)] += 1;
    }

    fn bits(&mut self, _: u32, _: u32) {}
}

/// Codes one behind the other.
#[derive(Default)]
struct Bits {
    codes: [Option<Codes>; 4],
    out: Vec<u8>,
    /// Bits that do not make a byte yet, at the lower end.
    held: u64,
    count: u32,
}

impl Sink for Bits {
    fn symbol(&mut self, table: usize, symbol: u8) {
        if let Some(codes) = &self.codes[table] {
            let (code, length) = codes.get(symbol);
            self.bits(code.into(), length.into());
        }
    }

    fn bits(&mut self, value: u32, count: u32) {
        let own = u64::from(value) & ((1 << count) - 1);
        self.held = self.held << count | own;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xff {
                // Else it would begin a marker.
                self.out.push(0);
            }
        }
    }
}

impl Bits {
    /// Ones fill up the last byte.
    fn finish(mut self) -> Vec<u8> {
        self.bits(0x7f, 7);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, decode};
    use super::*;

    fn image(width: usize, height: usize, channels: usize) -> Image {
        let wave = |at: usize| (128.0 + 90.0 * (at as f64 / 40.0).sin()) as u8;
        Image {
            width,
            height,
            channels,
            samples: Samples::Bytes((0..width * height * channels).map(wave).collect()),
        }
    }

    fn wishes(progressive: bool, halved_colour: bool) -> Wishes {
        Wishes {
            quality: 100,
            progressive,
            small: false,
            halved_colour,
            unit: 1,
            density: [300; 2],
            xmp: Vec::new(),
        }
    }

    /// What bytes come out is held to TensorFlow's in `tests/operators/files`.
    #[test]
    fn what_is_written_is_read_again() {
        for (width, height, channels) in [(1, 1, 1), (17, 9, 3), (33, 40, 1), (8, 50, 3)] {
            for progressive in [false, true] {
                let image = image(width, height, channels);
                let file = encode(&image, &wishes(progressive, false)).unwrap();
                let options = Options {
                    channels: 0,
                    fast_transform: false,
                    ratio: 1,
                    smooth_chroma: false,
                };
                let read = decode(&file, options).unwrap();
                assert_eq!(
                    (read.width, read.height, read.channels),
                    (width, height, channels)
                );
                let (Samples::Bytes(read), Samples::Bytes(told)) = (&read.samples, &image.samples)
                else {
                    panic!("words");
                };
                let off = read.iter().zip(told).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(off <= Some(3), "{width}×{height}: {off:?}");
            }
        }
    }

    #[test]
    fn what_no_file_can_hold_is_refused() {
        let refused = |image: &Image| encode(image, &wishes(false, true)).is_err();
        assert!(refused(&image(0, 4, 3)) && refused(&image(4, 0, 1)));
        assert!(refused(&image(4, 4, 2)) && refused(&image(65_501, 1, 1)));
        let mut words = image(1, 1, 1);
        words.samples = Samples::Words(vec![7]);
        assert!(refused(&words));
        let mut long = wishes(false, true);
        long.xmp = vec![b'x'; 1 << 16];
        assert!(encode(&image(4, 4, 3), &long).is_err());
    }
}

//! Coefficients to codes, T.81 annexes F and G: all at once, or a part of them and of their bits at a time.

use super::blocks::Plane;

/// Where codes go.
pub trait Sink {
    /// A symbol of a table: 0 and 1 for first coefficients of lightness and colour, 2 and 3 for the others.
    fn symbol(&mut self, table: usize, symbol: u8);
    /// The last `count` bits of `value`.
    fn bits(&mut self, value: u32, count: u32);
}

/// A part of the coefficients.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Numbers of components.
    pub parts: Vec<usize>,
    /// The first and the last coefficient.
    pub band: [usize; 2],
    /// So many bits were left out by the scan before, and are by this one.
    pub above: u32,
    pub below: u32,
}

impl Scan {
    fn new(parts: &[usize], band: [usize; 2], [above, below]: [u32; 2]) -> Self {
        Scan {
            parts: parts.to_vec(),
            band,
            above,
            below,
        }
    }

    /// Everything at once.
    pub fn whole(parts: usize) -> Vec<Self> {
        vec![Self::new(&Vec::from_iter(0..parts), [0, 63], [0, 0])]
    }

    /// libjpeg's steps from a rough image to the whole one.
    pub fn steps(parts: usize) -> Vec<Self> {
        let all = Vec::from_iter(0..parts);
        let scan = |parts: &[usize], from, to, bits| Self::new(parts, [from, to], bits);
        match parts {
            1 => vec![
                scan(&all, 0, 0, [0, 1]),
                scan(&[0], 1, 5, [0, 2]),
                scan(&[0], 6, 63, [0, 2]),
                scan(&[0], 1, 63, [2, 1]),
                scan(&all, 0, 0, [1, 0]),
                scan(&[0], 1, 63, [1, 0]),
            ],
            _ => vec![
                scan(&all, 0, 0, [0, 1]),
                scan(&[0], 1, 5, [0, 2]),
                scan(&[2], 1, 63, [0, 1]),
                scan(&[1], 1, 63, [0, 1]),
                scan(&[0], 6, 63, [0, 2]),
                scan(&[0], 1, 63, [2, 1]),
                scan(&all, 0, 0, [1, 0]),
                scan(&[2], 1, 63, [1, 0]),
                scan(&[1], 1, 63, [1, 0]),
                scan(&[0], 1, 63, [1, 0]),
            ],
        }
    }

    /// The tables that it takes.
    pub fn tables(&self, planes: &[Plane]) -> Vec<usize> {
        let mut found = Vec::new();
        for &part in &self.parts {
            let kind = planes[part].kind;
            let first = self.band[0] == 0 && self.above == 0;
            let both = [(first, kind), (self.band[1] > 0, 2 + kind)];
            for (taken, table) in both {
                if taken && !found.contains(&table) {
                    found.push(table);
                }
            }
        }
        found
    }

    /// Each block with the number of its component, in the order of the file.
    fn each(&self, planes: &[Plane], mut visit: impl FnMut(usize, &[i16; 64])) {
        if let [part] = self.parts[..] {
            let plane = &planes[part];
            for row in plane
                .coefficients
                .chunks_exact(plane.blocks[0])
                .take(plane.own[1])
            {
                row[..plane.own[0]]
                    .iter()
                    .for_each(|block| visit(part, block));
            }
            return;
        }
        let [across, down] = [0, 1].map(|axis| {
            let per_unit = |plane: &Plane| [plane.h, plane.v][axis];
            planes
                .first()
                .map_or(0, |plane| plane.blocks[axis] / per_unit(plane))
        });
        for row in 0..down {
            for column in 0..across {
                for &part in &self.parts {
                    let plane = &planes[part];
                    for at in 0..plane.h * plane.v {
                        let y = row * plane.v + at / plane.h;
                        let x = column * plane.h + at % plane.h;
                        visit(part, &plane.coefficients[y * plane.blocks[0] + x]);
                    }
                }
            }
        }
    }

    /// Gives the scan's codes to `sink`.
    pub fn write(&self, planes: &[Plane], sink: &mut impl Sink) {
        let kind = |part: usize| planes[part].kind;
        let mut last = [0i32; 3];
        match (self.band, self.above) {
            ([0, 63], _) => self.each(planes, |part, block| {
                difference(sink, kind(part), &mut last[part], i32::from(block[0]));
                others(sink, 2 + kind(part), block);
            }),
            ([0, _], 0) => self.each(planes, |part, block| {
                let value = i32::from(block[0]) >> self.below;
                difference(sink, kind(part), &mut last[part], value);
            }),
            ([0, _], _) => self.each(planes, |_, block| {
                sink.bits((i32::from(block[0]) >> self.below) as u32, 1);
            }),
            _ => {
                let part = self.parts.first().copied().unwrap_or(0);
                let mut ends = Ends::new(2 + kind(part));
                self.each(planes, |_, block| match self.above {
                    0 => ends.rough(sink, self, block),
                    _ => ends.finer(sink, self, block),
                });
                ends.tell(sink);
            }
        }
    }
}

/// How many bits a number takes.
fn length(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// The bits of a number of this length: of negative ones, those of the number below.
fn value_bits(value: i32) -> u32 {
    (if value < 0 { value - 1 } else { value }) as u32
}

/// A first coefficient, as what is new about it.
fn difference(sink: &mut impl Sink, table: usize, last: &mut i32, value: i32) {
    let new = value - std::mem::replace(last, value);
    let count = length(new.unsigned_abs());
    sink.symbol(table, count as u8);
    sink.bits(value_bits(new), count);
}

/// All other coefficients of a block: how many zeros come before each, and its length, as one symbol.
fn others(sink: &mut impl Sink, table: usize, block: &[i16; 64]) {
    let mut zeros = 0;
    for &value in &block[1..] {
        if value == 0 {
            zeros += 1;
            continue;
        }
        while zeros > 15 {
            sink.symbol(table, SIXTEEN_ZEROS);
            zeros -= 16;
        }
        let count = length(u32::from(value.unsigned_abs()));
        sink.symbol(table, (zeros << 4 | count) as u8);
        sink.bits(value_bits(value.into()), count);
        zeros = 0;
    }
    if zeros > 0 {
        sink.symbol(table, 0);
    }
}

const SIXTEEN_ZEROS: u8 = 0xf0;

/// Blocks whose rest is zeros, counted until something else comes.
struct Ends {
    table: usize,
    count: u32,
    /// The next bits of coefficients in those blocks that are known not to be 0.
    bits: Vec<u8>,
}

impl Ends {
    /// More are told at once, as libjpeg's room for them asks for.
    const MOST: u32 = 0x7fff;
    const MOST_BITS: usize = 1000 - 64 + 1;

    fn new(table: usize) -> Self {
        Ends {
            table,
            count: 0,
            bits: Vec::new(),
        }
    }

    fn tell(&mut self, sink: &mut impl Sink) {
        if self.count == 0 {
            return;
        }
        let bits = length(self.count) - 1;
        sink.symbol(self.table, (bits << 4) as u8);
        sink.bits(self.count, bits);
        self.count = 0;
        tell_bits(sink, &mut self.bits);
    }

    /// The upper bits of coefficients of which none were told.
    fn rough(&mut self, sink: &mut impl Sink, scan: &Scan, block: &[i16; 64]) {
        let mut zeros = 0;
        for &value in &block[scan.band[0]..=scan.band[1]] {
            let size = u32::from(value.unsigned_abs()) >> scan.below;
            if size == 0 {
                zeros += 1;
                continue;
            }
            self.tell(sink);
            while zeros > 15 {
                sink.symbol(self.table, SIXTEEN_ZEROS);
                zeros -= 16;
            }
            let count = length(size);
            sink.symbol(self.table, (zeros << 4 | count) as u8);
            sink.bits(if value < 0 { !size } else { size }, count);
            zeros = 0;
        }
        if zeros > 0 {
            self.count += 1;
            if self.count == Self::MOST {
                self.tell(sink);
            }
        }
    }

    /// One more bit of each.
    fn finer(&mut self, sink: &mut impl Sink, scan: &Scan, block: &[i16; 64]) {
        let band = scan.band[0]..=scan.band[1];
        let size = |at: usize| u32::from(block[at].unsigned_abs()) >> scan.below;
        // The last that is not 0 from now on.
        let last = band.clone().rev().find(|&at| size(at) == 1).unwrap_or(0);
        let (mut zeros, mut bits) = (0, Vec::new());
        for at in band {
            let size = size(at);
            if size == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && at <= last {
                self.tell(sink);
                sink.symbol(self.table, SIXTEEN_ZEROS);
                zeros -= 16;
                tell_bits(sink, &mut bits);
            }
            if size > 1 {
                bits.push((size & 1) as u8);
                continue;
            }
            self.tell(sink);
            sink.symbol(self.table, (zeros << 4 | 1) as u8);
            sink.bits(u32::from(block[at] > 0), 1);
            tell_bits(sink, &mut bits);
            zeros = 0;
        }
        if zeros > 0 || !bits.is_empty() {
            self.count += 1;
            self.bits.append(&mut bits);
            if self.count == Self::MOST || self.bits.len() > Self::MOST_BITS {
                self.tell(sink);
            }
        }
    }
}

fn tell_bits(sink: &mut impl Sink, bits: &mut Vec<u8>) {
    bits.drain(..).for_each(|bit| sink.bits(bit.into(), 1));
}

//! Huffman codes and the coefficients that they stand for, T.81 annexes F and G.

use super::broken;
use crate::error::Result;
use crate::memory;

/// Where coefficient `k` of the zigzag stands in the block, row by row.
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Component of a frame with its coefficients.
pub struct Component {
    pub id: u8,
    /// Sampling factors.
    pub h: usize,
    pub v: usize,
    pub table: usize,
    /// As it stood when the component's first scan began, in zigzag order.
    pub divisors: Option<[u16; 64]>,
    /// Samples across and down, without padding.
    pub size: [usize; 2],
    /// Blocks across and down, whole units of the scan.
    pub blocks: [usize; 2],
    pub coefficients: Vec<[i16; 64]>,
}

impl Component {
    pub fn new(id: u8, [h, v]: [usize; 2], table: usize) -> Self {
        Component {
            id,
            h,
            v,
            table,
            divisors: None,
            size: [0; 2],
            blocks: [0; 2],
            coefficients: Vec::new(),
        }
    }

    /// Makes room for the coefficients, once.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn lay_out(&mut self) -> Result<()> {
        if self.coefficients.is_empty() {
            let count = self.blocks[0] * self.blocks[1];
            self.coefficients = memory::zeros_for(count).ok_or_else(|| {
                memory::shortage("the pixels of a JPEG file", count * size_of::<[i16; 64]>())
            })?;
        }
        Ok(())
    }
}

/// Codes of up to this many bits are looked up at once.
const SHORT: u32 = 9;

/// A Huffman code: canonical, up to 16 bits.
struct Code {
    /// By the next [`SHORT`] bits: length and symbol, length 0 where it is longer.
    short: Vec<(u8, u8)>,
    /// Per length the first code that is too large for it, and what to add for the place of the symbol.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Code {
    fn new(counts: &[u8], symbols: &[u8]) -> Result<Self> {
        let mut code = Code {
            short: vec![(0, 0); 1 << SHORT],
            ends: [(0, 0); 17],
            symbols: symbols.to_vec(),
        };
        let (mut next, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let offset = place as i32 - next as i32;
            for _ in 0..count {
                if next >> length != 0 {
                    return Err(broken("a code with too many words"));
                }
                if length <= SHORT {
                    let from = (next << (SHORT - length)) as usize;
                    let symbol = symbols.get(place).copied().unwrap_or(0);
                    code.short[from..from + (1 << (SHORT - length))].fill((length as u8, symbol));
                }
                next += 1;
                place += 1;
            }
            code.ends[length as usize] = (next, offset);
            next <<= 1;
        }
        Ok(code)
    }
}

/// The Huffman codes by class (DC, AC) and number.
#[derive(Default)]
pub struct Tables([[Option<Code>; 4]; 2]);

impl Tables {
    pub fn read(&mut self, mut body: &[u8]) -> Result<()> {
        while let Some((&head, rest)) = body.split_first() {
            let short = || broken("a short table of codes");
            let (counts, rest) = rest.split_at_checked(16).ok_or_else(short)?;
            let total = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(short)?;
            let slots = self.0.get_mut(usize::from(head >> 4));
            let slot = slots.and_then(|slots| slots.get_mut(usize::from(head & 15)));
            *slot.ok_or_else(|| broken("a table with a number out of range"))? =
                Some(Code::new(counts, symbols)?);
            body = rest;
        }
        Ok(())
    }

    fn get(&self, class: usize, number: usize) -> Result<&Code> {
        let code = self.0[class].get(number).and_then(Option::as_ref);
        code.ok_or_else(|| broken("a scan without its codes"))
    }
}

/// Bits from the most significant on, stuffing taken out. Behind a marker come zeros.
struct Bits<'b> {
    rest: &'b [u8],
    held: u64,
    count: u32,
    /// So many of the last bits held are such zeros.
    made_up: u32,
}

impl<'b> Bits<'b> {
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match self.rest {
                [0xff, 0, rest @ ..] => {
                    self.rest = rest;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.made_up += 8;
                    0
                }
                &[byte, ref rest @ ..] => {
                    self.rest = rest;
                    byte
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// Whether more bits were taken than there are up to the next marker.
    fn dry(&self) -> bool {
        self.count < self.made_up
    }

    /// Whether a restart is to come, or other data.
    fn more(&self) -> bool {
        !matches!(self.rest, [0xff, marker, ..] if !matches!(marker, 0 | 0xd0..=0xd7 | 0xff))
            && !self.rest.is_empty()
    }

    fn take(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        if self.count < count {
            self.fill();
        }
        self.count -= count;
        (self.held >> self.count) as i32 & ((1 << count) - 1)
    }

    fn bit(&mut self) -> bool {
        self.take(1) == 1
    }

    /// A number of `count` bits whose first bit tells its sign (T.81, EXTEND).
    fn signed(&mut self, count: u32) -> i32 {
        let value = self.take(count);
        match count {
            0 => 0,
            _ if value < 1 << (count - 1) => value - (1 << count) + 1,
            _ => value,
        }
    }

    fn symbol(&mut self, code: &Code) -> Result<u8> {
        if self.count < 16 {
            self.fill();
        }
        let next = (self.held >> (self.count - 16)) as u32 & 0xffff;
        let (length, symbol) = code.short[(next >> (16 - SHORT)) as usize];
        if length > 0 {
            self.count -= u32::from(length);
            return Ok(symbol);
        }
        for length in SHORT + 1..=16 {
            let word = next >> (16 - length);
            let (end, offset) = code.ends[length as usize];
            if word < end {
                self.count -= length;
                let symbol = usize::try_from(word as i32 + offset).ok();
                let symbol = symbol.and_then(|at| code.symbols.get(at));
                return symbol.copied().ok_or_else(|| broken("a damaged code"));
            }
        }
        Err(broken("bits that are no code"))
    }

    /// Goes on behind the next restart marker, if it is the next thing in the file.
    fn restart(&mut self) {
        (self.held, self.count, self.made_up) = (0, 0, 0);
        while let [byte, rest @ ..] = self.rest {
            match (byte, rest) {
                (0xff, [0xd0..=0xd7, rest @ ..]) => {
                    self.rest = rest;
                    return;
                }
                (0xff, [0 | 0xff, ..]) => self.rest = rest,
                (0xff, _) => return,
                _ => self.rest = rest,
            }
        }
    }
}

/// One pass over the image.
pub struct Scan {
    /// Component, DC code, AC code.
    pub members: Vec<(usize, usize, usize)>,
    pub progressive: bool,
    /// First and last coefficient.
    pub band: [usize; 2],
    /// Bits that the last scan left out, and this one.
    pub high: u8,
    pub low: u8,
    /// Units between restarts, 0 for none.
    pub restart_interval: usize,
}

/// What is carried from block to block.
#[derive(Default)]
struct Carry {
    dc: [i32; 4],
    /// Blocks to come whose band ends at once.
    ended: i32,
}

impl Scan {
    /// `units` of all components across and down. Gives what stands behind the data.
    pub fn read<'b>(
        &self,
        components: &mut [Component],
        units: [usize; 2],
        tables: &Tables,
        data: &'b [u8],
    ) -> Result<&'b [u8]> {
        let [first, last] = self.band;
        let alone = self.members.len() == 1;
        if first > last || last > 63 || self.low > 13 || self.members.len() > 4 {
            return Err(broken("a scan header out of range"));
        }
        if self.progressive && (first == 0) != (last == 0) || first > 0 && !alone {
            return Err(broken("a scan of mixed coefficients"));
        }
        let mut bits = Bits {
            rest: data,
            held: 0,
            count: 0,
            made_up: 0,
        };
        let mut carry = Carry::default();
        let [across, down] = match self.members.first() {
            None => return Err(broken("a scan of nothing")),
            Some(&(only, ..)) if alone => components[only].size.map(|n| n.div_ceil(8)),
            Some(_) => units,
        };
        for unit in 0..across * down {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                bits.restart();
                carry = Carry::default();
            }
            // What the data does not reach stays as it is, up to the next restart.
            if bits.dry() {
                if self.restart_interval == 0 || !bits.more() {
                    break;
                }
                continue;
            }
            let (x, y) = (unit % across, unit / across);
            for (slot, &(at, dc, ac)) in self.members.iter().enumerate() {
                let component = &mut components[at];
                let [h, v] = match alone {
                    true => [1, 1],
                    false => [component.h, component.v],
                };
                for block in 0..h * v {
                    let (bx, by) = (x * h + block % h, y * v + block / h);
                    let place = by * component.blocks[0] + bx;
                    let Some(block) = component.coefficients.get_mut(place) else {
                        return Err(broken("a block outside the image"));
                    };
                    self.block(&mut bits, &mut carry, slot, tables, [dc, ac], block)?;
                }
            }
        }
        Ok(bits.rest)
    }

    fn block(
        &self,
        bits: &mut Bits<'_>,
        carry: &mut Carry,
        slot: usize,
        tables: &Tables,
        [dc, ac]: [usize; 2],
        block: &mut [i16; 64],
    ) -> Result<()> {
        match (self.progressive, self.band[0], self.high) {
            (false, ..) => {
                self.dc(bits, &mut carry.dc[slot], tables.get(0, dc)?, block)?;
                let mut none = 0;
                self.ac(bits, &mut none, tables.get(1, ac)?, [1, 63], block)
            }
            (true, 0, 0) => self.dc(bits, &mut carry.dc[slot], tables.get(0, dc)?, block),
            (true, 0, _) => {
                if bits.bit() {
                    block[0] |= 1 << self.low;
                }
                Ok(())
            }
            (true, _, 0) => {
                let code = tables.get(1, ac)?;
                self.ac(bits, &mut carry.ended, code, self.band, block)
            }
            (true, ..) => self.refine(bits, &mut carry.ended, tables.get(1, ac)?, block),
        }
    }

    fn dc(
        &self,
        bits: &mut Bits<'_>,
        last: &mut i32,
        code: &Code,
        to: &mut [i16; 64],
    ) -> Result<()> {
        let size = u32::from(bits.symbol(code)?);
        if size > 15 {
            return Err(broken("a step of more than 15 bits"));
        }
        *last = last.wrapping_add(bits.signed(size));
        to[0] = (*last << self.low) as i16;
        Ok(())
    }

    fn ac(
        &self,
        bits: &mut Bits<'_>,
        ended: &mut i32,
        code: &Code,
        [first, last]: [usize; 2],
        block: &mut [i16; 64],
    ) -> Result<()> {
        if *ended > 0 {
            *ended -= 1;
            return Ok(());
        }
        let mut k = first;
        while k <= last {
            let symbol = bits.symbol(code)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) if self.progressive => {
                    *ended = (1 << run) + bits.take(run) - 1;
                    break;
                }
                (_, 0) => break,
                _ => {
                    k += run as usize;
                    let value = bits.signed(size) << self.low;
                    if let Some(&place) = ZIGZAG.get(k) {
                        block[usize::from(place)] = value as i16;
                    }
                    k += 1;
                }
            }
        }
        Ok(())
    }

    /// One more bit of coefficients that were known before, and new ones between them (T.81, G.1.2.3).
    fn refine(
        &self,
        bits: &mut Bits<'_>,
        ended: &mut i32,
        code: &Code,
        block: &mut [i16; 64],
    ) -> Result<()> {
        let [first, last] = self.band;
        let step = 1i16 << self.low;
        let more = |bits: &mut Bits<'_>, value: &mut i16| {
            if bits.bit() && *value & step == 0 {
                *value = value.wrapping_add(if *value >= 0 { step } else { -step });
            }
        };
        let mut k = first;
        while *ended == 0 && k <= last {
            let symbol = bits.symbol(code)?;
            let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
            let mut fresh = 0;
            match (run, size) {
                (15, 0) => {}
                (_, 0) => {
                    *ended = (1 << run) + bits.take(run);
                    break;
                }
                _ => fresh = if bits.bit() { step } else { -step },
            }
            while k <= last {
                let value = &mut block[usize::from(ZIGZAG[k])];
                k += 1;
                if *value != 0 {
                    more(bits, value);
                } else if run > 0 {
                    run -= 1;
                } else {
                    if fresh != 0 {
                        *value = fresh;
                    }
                    break;
                }
            }
        }
        if *ended > 0 {
            for &place in &ZIGZAG[k..=last] {
                let value = &mut block[usize::from(place)];
                if *value != 0 {
                    more(bits, value);
                }
            }
            *ended -= 1;
        }
        Ok(())
    }
}

//! Huffman's codes: T.81's usual ones (annex K.3), and the best for an image (annex K.2).

/// How many symbols have codes of each length, from 1 to 16 bits, and the symbols in the order of their codes.
pub struct Table {
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

/// Those of lightness: first coefficients, then the others; those of colour.
const USUAL: [([u8; 16], &[u8]); 4] = [
    ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &LENGTHS),
    ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &LENGTHS),
    ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], &LIGHT),
    ([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119], &COLOUR),
];

const LENGTHS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

const LIGHT: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

const COLOUR: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

impl Table {
    /// The usual table for a number of [`super::scans::Sink::symbol`].
    pub fn usual(number: usize) -> Self {
        let (counts, symbols) = USUAL[number];
        Table {
            counts,
            symbols: symbols.to_vec(),
        }
    }

    /// The best table where each symbol comes this often, by libjpeg's choice among the best.
    pub fn best(frequencies: &[u64; 256]) -> Self {
        // One more symbol takes the code of ones alone, which no file may have.
        let mut left: [u64; 257] = [1; 257];
        left[..256].copy_from_slice(frequencies);
        let mut lengths = [0usize; 257];
        let mut trees: Vec<Vec<usize>> = (0..257).map(|symbol| vec![symbol]).collect();
        loop {
            let rarest = |left: &[u64; 257], but: usize| {
                let there = (0..257).filter(|&s| s != but && left[s] > 0);
                there.min_by_key(|&s| (left[s], usize::MAX - s))
            };
            let Some(one) = rarest(&left, usize::MAX) else {
                break;
            };
            let Some(other) = rarest(&left, one) else {
                break;
            };
            left[one] += std::mem::take(&mut left[other]);
            let joined = std::mem::take(&mut trees[other]);
            trees[one].extend(joined);
            trees[one].iter().for_each(|&s| lengths[s] += 1);
        }
        let mut of_length = [0usize; 258];
        lengths.iter().for_each(|&length| of_length[length] += 1);
        of_length[0] = 0;
        shorten(&mut of_length);
        let mut symbols: Vec<u8> = (0..=255).filter(|&s| lengths[usize::from(s)] > 0).collect();
        symbols.sort_by_key(|&s| lengths[usize::from(s)]);
        Table {
            counts: std::array::from_fn(|at| of_length[at + 1] as u8),
            symbols,
        }
    }
}

/// Makes codes longer than 16 bits shorter, in pairs, and takes the code of ones away.
fn shorten(of_length: &mut [usize; 258]) {
    for long in (17..of_length.len()).rev() {
        while of_length[long] > 0 {
            let shorter = (1..long - 1).rev().find(|&at| of_length[at] > 0);
            let Some(shorter) = shorter else { break };
            of_length[long] -= 2;
            of_length[long - 1] += 1;
            of_length[shorter + 1] += 2;
            of_length[shorter] -= 1;
        }
    }
    if let Some(last) = (1..=16).rev().find(|&at| of_length[at] > 0) {
        of_length[last] -= 1;
    }
}

/// Code and length for each symbol; no bits where it has none.
pub struct Codes([(u16, u8); 256]);

impl Codes {
    pub fn of(table: &Table) -> Self {
        let mut codes = [(0, 0); 256];
        let mut symbols = table.symbols.iter();
        let mut code = 0u32;
        for (length, &count) in (1..).zip(&table.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = (code as u16, length);
                code += 1;
            }
            code <<= 1;
        }
        Codes(codes)
    }

    pub fn get(&self, symbol: u8) -> (u16, u8) {
        self.0[usize::from(symbol)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_codes_fit_16_bits_and_leave_the_ones_free() {
        // Fibonacci's numbers make the longest codes.
        let mut frequencies = [0; 256];
        let (mut a, mut b) = (1u64, 1);
        for frequency in &mut frequencies[..40] {
            *frequency = a;
            (a, b) = (b, a + b);
        }
        let table = Table::best(&frequencies);
        assert_eq!(table.symbols.len(), 40);
        assert_eq!(
            table.counts.iter().map(|&n| usize::from(n)).sum::<usize>(),
            40
        );
        let space = (1..).zip(&table.counts);
        let taken: u32 = space
            .map(|(length, &n)| u32::from(n) << (16 - length))
            .sum();
        assert!(taken < 1 << 16, "{taken}");
        let one = Table::best(&std::array::from_fn(|at| u64::from(at == 7)));
        assert_eq!((one.counts[0], one.symbols), (1, vec![7]));
    }
}

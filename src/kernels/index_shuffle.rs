//! A permutation of the whole numbers up to a largest one, made of a small block cipher as TensorFlow does it: Simon (Beaulieu
//! et al., The Simon and Speck Families of Lightweight Block Ciphers) on blocks of any even number of bits, applied until
//! a number within the bounds comes out.

/// Steps after which a number comes out for sure where it begins within the bounds.
const MOST_STEPS: usize = 1 << 20;

/// Words of up to 32 bits.
#[derive(Clone, Copy)]
struct Words {
    bits: u32,
}

impl Words {
    fn cut(self, word: u64) -> u64 {
        word & ((1 << self.bits) - 1)
    }

    /// Rotated to the left.
    fn turned(self, word: u64, by: u32) -> u64 {
        let by = by % self.bits;
        self.cut(word << by) | word >> (self.bits - by)
    }

    fn mixed(self, word: u64) -> u64 {
        self.turned(word, 1) & self.turned(word, 8) ^ self.turned(word, 2)
    }

    /// The keys of the rounds.
    fn schedule(self, key: [u32; 3], rounds: usize) -> Vec<u64> {
        let mut constants = self.cut(0x7369_f885_192c_0ef5);
        let mut keys: Vec<u64> = key.iter().map(|&k| self.cut(k.into())).collect();
        while keys.len() < rounds {
            let (last, third) = (keys[keys.len() - 1], keys[keys.len() - 3]);
            let turned = self.turned(last, self.bits - 3) ^ self.turned(last, self.bits - 4);
            keys.push(self.cut(0xffff_fffc) ^ (constants & 1) ^ third ^ turned);
            constants >>= 1;
        }
        keys
    }

    fn encrypted(self, block: u64, keys: &[u64]) -> u64 {
        let (mut left, mut right) = (self.cut(block >> self.bits), self.cut(block));
        for pair in keys.chunks_exact(2) {
            left ^= self.mixed(right) ^ pair[0];
            right ^= self.mixed(left) ^ pair[1];
        }
        left << self.bits | right
    }
}

/// Where `index` comes among 0 to `largest`; `rounds` are even and 4 or more. `None` where no number within comes out.
pub fn index_shuffle(index: u64, key: [u32; 3], largest: u64, rounds: usize) -> Option<u64> {
    if largest == 0 {
        return Some(0);
    }
    // The logarithm of a float, which loses the last bits of large numbers.
    let bits = (largest as f64).log2().ceil() as u32;
    let words = Words {
        bits: bits.next_multiple_of(2).clamp(16, 64) / 2,
    };
    let keys = words.schedule(key, rounds);
    let mut at = index;
    for _ in 0..MOST_STEPS {
        at = words.encrypted(at, &keys);
        if at <= largest {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_comes_once() {
        for (largest, key) in [
            (10, [1, 2, 3]),
            (999, [7, 8, 9]),
            (70_000, [u32::MAX, 0, 5]),
        ] {
            let mut found: Vec<u64> = (0..=largest)
                .map(|at| index_shuffle(at, key, largest, 4).unwrap())
                .collect();
            found.sort_unstable();
            assert!(found.into_iter().eq(0..=largest));
        }
    }

    /// As TensorFlow 2.21 does it.
    #[test]
    fn the_order_is_tensorflows() {
        let found: Vec<u64> = (0..11)
            .map(|at| index_shuffle(at, [1, 2, 3], 10, 4).unwrap())
            .collect();
        assert_eq!(found, [2, 0, 6, 4, 8, 10, 7, 9, 5, 3, 1]);
    }
}

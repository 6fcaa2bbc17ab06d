//! Damage that can be made again from its seed.

/// A small generator of our own (Marsaglia's xorshift64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// Cuts, flips, overwrites with extreme numbers, repeats or removes a part of `bytes`; half of it near the beginning
/// or the end, where structure is.
pub fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut new = bytes.to_vec();
    for _ in 0..=random.next(3) {
        if new.is_empty() {
            break;
        }
        let near = new.len().min(256);
        let at = match random.next(4) {
            0 => random.next(near),
            1 => new.len() - 1 - random.next(near),
            _ => random.next(new.len()),
        };
        let part = |random: &mut Random| at..(at + random.next(64)).min(new.len());
        match random.next(7) {
            0 => new.truncate(at),
            1 => new[at] ^= 1 << random.next(8),
            2 => new[at..].iter_mut().take(8).for_each(|b| *b = 0xff),
            3 => new[at..].iter_mut().take(4).for_each(|b| *b = 0),
            4 => {
                // A number that is slightly off, as lengths and offsets are.
                new[at] = new[at].wrapping_add(random.next(5) as u8).wrapping_sub(2);
            }
            5 => {
                let repeated = new[part(&mut random)].to_vec();
                new.splice(at..at, repeated);
            }
            _ => {
                new.drain(part(&mut random));
            }
        }
    }
    new
}

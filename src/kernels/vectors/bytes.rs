//! Bytes looked up in a table of all their 256 values.

#[cfg(target_arch = "x86_64")]
use crate::kernels::cpu;

/// `out[i] = table[x[i]]`, of `out` itself where there is no `x`.
pub fn look_up(table: &[u8; 256], x: Option<&[u8]>, out: &mut [u8]) {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    #[cfg(target_arch = "x86_64")]
    if cpu::has_vbmi() {
        let to = out.as_mut_ptr();
        let from = x.map_or(to.cast_const(), <[u8]>::as_ptr);
        // SAFETY: the instructions are there; both slices have as many bytes, and where they overlap they are the same.
        unsafe { permute(table, from, to, out.len()) };
        return;
    }
    look_up_each(table, x, out);
}

/// [`look_up`] without vectors.
pub fn look_up_each(table: &[u8; 256], x: Option<&[u8]>, out: &mut [u8]) {
    match x {
        Some(x) => {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = table[usize::from(x)];
            }
        }
        None => {
            for out in out {
                *out = table[usize::from(*out)];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use vbmi::Table;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
unsafe fn permute(table: &[u8; 256], x: *const u8, out: *mut u8, len: usize) {
    use std::arch::x86_64::*;
    // SAFETY: `len` bytes are readable at `x` and writable at `out`; each vector is read before it is written, and bytes
    // that are masked out are not touched.
    unsafe {
        let table = Table::new(table);
        let mut at = 0;
        while at + 64 <= len {
            let from = _mm512_loadu_epi8(x.add(at).cast());
            _mm512_storeu_epi8(out.add(at).cast(), table.get(from));
            at += 64;
        }
        if at < len {
            let mask = (1u64 << (len - at)) - 1;
            let from = _mm512_maskz_loadu_epi8(mask, x.add(at).cast());
            _mm512_mask_storeu_epi8(out.add(at).cast(), mask, table.get(from));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vbmi {
    use std::arch::x86_64::*;

    /// A table in four registers.
    #[derive(Clone, Copy)]
    pub struct Table([__m512i; 4]);

    impl Table {
        /// # Safety
        /// AVX-512 VBMI must be there.
        #[inline(always)]
        pub unsafe fn new(table: &[u8; 256]) -> Self {
            let at = table.as_ptr();
            // SAFETY: the table has four times 64 bytes.
            unsafe {
                Table([
                    _mm512_loadu_epi8(at.cast()),
                    _mm512_loadu_epi8(at.add(64).cast()),
                    _mm512_loadu_epi8(at.add(128).cast()),
                    _mm512_loadu_epi8(at.add(192).cast()),
                ])
            }
        }

        /// The entries of 64 bytes.
        ///
        /// # Safety
        /// AVX-512 VBMI must be there.
        #[inline(always)]
        pub unsafe fn get(self, index: __m512i) -> __m512i {
            // SAFETY: promised by the caller. Each half is asked by the low 7 bits, the highest one decides.
            unsafe {
                let low = _mm512_permutex2var_epi8(self.0[0], index, self.0[1]);
                let high = _mm512_permutex2var_epi8(self.0[2], index, self.0[3]);
                _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_finds_the_same(x in prop::collection::vec(any::<u8>(), 0..200), seed in any::<u8>()) {
            let table: [u8; 256] = std::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ seed);
            let (mut want, mut got, mut over) = (vec![0; x.len()], vec![0; x.len()], x.clone());
            look_up_each(&table, Some(&x), &mut want);
            look_up(&table, Some(&x), &mut got);
            prop_assert_eq!(&got, &want);
            look_up(&table, None, &mut over);
            prop_assert_eq!(&over, &want);
            over.copy_from_slice(&x);
            look_up_each(&table, None, &mut over);
            prop_assert_eq!(&over, &want);
        }
    }
}

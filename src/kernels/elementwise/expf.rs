//! `e^x` to the bit as C's `expf` has it.
//!
//! glibc from 2.27 on and musl from 1.2 on take it from ARM's optimized routines: with `x = (k + r) ln 2 / 32` for a whole `k`,
//! `e^x = 2^(k / 32) 2^(r / 32)`, a table times a cubic in f64, rounded once; within 0.502 units of the last place. Here
//! it is a loop that becomes vectors, and the same on every processor.

/// `2^(i / 32)`, the nearest f64, less `i / 32` in the exponent: what `k / 32` adds there belongs to the whole powers alone.
pub const POWERS: [u64; 32] = {
    let mut powers = [
        0x3ff0_0000_0000_0000,
        0x3ff0_59b0_d315_8574,
        0x3ff0_b558_6cf9_890f,
        0x3ff1_1301_d012_5b51,
        0x3ff1_72b8_3c7d_517b,
        0x3ff1_d487_3168_b9aa,
        0x3ff2_387a_6e75_6238,
        0x3ff2_9e9d_f51f_dee1,
        0x3ff3_06fe_0a31_b715,
        0x3ff3_71a7_373a_a9cb,
        0x3ff3_dea6_4c12_3422,
        0x3ff4_4e08_6061_892d,
        0x3ff4_bfda_d536_2a27,
        0x3ff5_342b_569d_4f82,
        0x3ff5_ab07_dd48_5429,
        0x3ff6_247e_b03a_5585,
        0x3ff6_a09e_667f_3bcd,
        0x3ff7_1f75_e8ec_5f74,
        0x3ff7_a114_73eb_0187,
        0x3ff8_2589_994c_ce13,
        0x3ff8_ace5_422a_a0db,
        0x3ff9_3737_b0cd_c5e5,
        0x3ff9_c491_82a3_f090,
        0x3ffa_5503_b23e_255d,
        0x3ffa_e89f_995a_d3ad,
        0x3ffb_7f76_f2fb_5e47,
        0x3ffc_199b_dd85_529c,
        0x3ffc_b720_dcef_9069,
        0x3ffd_5818_dcfb_a487,
        0x3ffd_fc97_337b_9b5f,
        0x3ffe_a4af_a2a4_90da,
        0x3fff_5076_5b6e_4540,
    ];
    let mut i = 0;
    while i < 32 {
        powers[i] -= (i as u64) << FRACTION;
        i += 1;
    }
    powers
};

/// Bits of an f64 below those that a step of `k` raises.
pub const FRACTION: u32 = 52 - 5;

/// `32 / ln 2`.
pub const STEPS: f64 = f64::from_bits(0x3FF7_1547_652B_82FE) * 32.0;

/// `2^(r / 32) = ((CUBIC[0] r + CUBIC[1]) r^2) + (CUBIC[2] r + 1)`: the coefficients of ARM's `exp2f_data.c`.
pub const CUBIC: [f64; 3] = [
    f64::from_bits(0x3FAC_6AF8_4B91_2394) / 32768.0,
    f64::from_bits(0x3FCE_BFCE_50FA_C4F3) / 1024.0,
    f64::from_bits(0x3FE6_2E42_FF0C_52D6) / 32.0,
];

/// Added to a number below 2^51, its last bits are the nearest whole number.
pub const SHIFT: f64 = 1.5 * (1u64 << 52) as f64;

/// Where f32 has no more: `e^x` is 0 up to the one, infinite from the other on.
pub const ENDS: [f32; 2] = [-104.0, 89.0];

/// `e^x`; infinite and 0 where f32 has no more.
#[inline(always)]
pub fn expf(x: f32) -> f32 {
    let x = f64::from(x.clamp(ENDS[0], ENDS[1]));
    let shifted = x.mul_add(STEPS, SHIFT);
    let k = shifted.to_bits();
    let r = x.mul_add(STEPS, -(shifted - SHIFT));
    let power = POWERS[(k % 32) as usize].wrapping_add(k << FRACTION);
    let (steep, flat) = (CUBIC[0].mul_add(r, CUBIC[1]), CUBIC[2].mul_add(r, 1.0));
    (steep.mul_add(r * r, flat) * f64::from_bits(power)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_power_is_within_half_a_unit_and_a_bit() {
        for bits in (0..=u32::MAX).step_by(2003) {
            let x = f32::from_bits(bits);
            let (got, want) = (expf(x), f64::from(x).exp());
            match want {
                want if want > f64::from(f32::MAX) * (1.0 + 3e-8) => assert_eq!(got, f32::INFINITY),
                want if want >= f64::from(f32::MIN_POSITIVE) => {
                    let unit = f64::from(got.next_up()) - f64::from(got);
                    assert!((f64::from(got) - want).abs() <= 0.503 * unit, "{x}: {got}");
                }
                want if want.is_nan() => assert!(got.is_nan()),
                _ => assert!((f64::from(got) - want).abs() <= 0.51 * f64::from(f32::from_bits(1))),
            }
        }
    }

    /// Every f32 was compared once.
    #[test]
    #[cfg(target_env = "gnu")]
    fn it_is_the_c_library_s() {
        let ends = [88.722_84f32, -87.336_55, -103.278_93, -103.972_08];
        let near = ends
            .into_iter()
            .flat_map(|end| (end.to_bits() - 40..=end.to_bits() + 40).map(f32::from_bits));
        let all = (0..=u32::MAX).step_by(1009).map(f32::from_bits);
        for x in all.chain(near).filter(|x| !x.is_nan()) {
            assert_eq!(expf(x).to_bits(), x.exp().to_bits(), "{x}");
        }
    }
}

//! What this processor can do: the one place where kernels choose between instruction sets.

use std::sync::OnceLock;

/// Instruction sets that have kernels, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust, any processor.
    Portable,
    /// NEON, which every 64-bit Arm has.
    Neon,
    /// NEON with dot products of bytes (Armv8.2).
    NeonDot,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512,
}

/// The best level here; found once.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect)
}

/// Every level that runs here, for tests and measurements.
pub fn levels() -> impl Iterator<Item = Level> {
    #[cfg(target_arch = "x86_64")]
    let all = [Level::Portable, Level::Avx2, Level::Avx512];
    #[cfg(target_arch = "aarch64")]
    let all = [Level::Portable, Level::Neon, Level::NeonDot];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all = [Level::Portable];
    all.into_iter().filter(|&l| l <= level())
}

/// Whether AVX-512 VNNI (`vpdpbusd`) is there too.
pub fn has_vnni() -> bool {
    static VNNI: OnceLock<bool> = OnceLock::new();
    *VNNI.get_or_init(detect_vnni)
}

/// Whether AVX-512 VBMI (`vpermi2b`) is there too.
pub fn has_vbmi() -> bool {
    static VBMI: OnceLock<bool> = OnceLock::new();
    *VBMI.get_or_init(detect_vbmi)
}

/// A function that is compiled for each level (NEON is in every function of its processors) around an `#[inline(always)]` one of the same arguments, and takes the
/// level, which must be there, before them. What the inner one calls has to be inlined too.
macro_rules! by_level {
    ($(#[$doc:meta])* $seen:vis fn $name:ident$(<$g:ident: $bound:path>)?($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? = $inner:path) => {
        $(#[$doc])*
        $seen fn $name$(<$g: $bound>)?(level: $crate::kernels::cpu::Level, $($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512$(<$g: $bound>)?($($arg: $type),*) $(-> $out)? {
                $inner($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2$(<$g: $bound>)?($($arg: $type),*) $(-> $out)? {
                $inner($($arg),*)
            }
            match level {
                // SAFETY: the caller says that the level is there.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::cpu::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: the caller says that the level is there.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::cpu::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => $inner($($arg),*),
            }
        }
    };
}
pub(crate) use by_level;

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Portable,
    }
}

#[cfg(target_arch = "x86_64")]
fn detect_vnni() -> bool {
    level() == Level::Avx512 && is_x86_feature_detected!("avx512vnni")
}

#[cfg(target_arch = "x86_64")]
fn detect_vbmi() -> bool {
    level() == Level::Avx512 && is_x86_feature_detected!("avx512vbmi")
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Level {
    match std::arch::is_aarch64_feature_detected!("dotprod") {
        true => Level::NeonDot,
        false => Level::Neon,
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Level {
    Level::Portable
}

#[cfg(not(target_arch = "x86_64"))]
fn detect_vnni() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn detect_vbmi() -> bool {
    false
}

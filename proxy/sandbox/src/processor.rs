//! The processor that code is compiled for: a level that many machines share, where this one has
//! it.
//!
//! Code for all that the machine at hand can do runs on few others, so nothing compiled where an
//! image is built would serve in its pods. The level is what servers have had since 2013
//! (x86-64-v3: AVX2, BMI, FMA); wasm's 128 bits of SIMD gain little from anything newer. A machine
//! that lacks a feature of it compiles for itself alone, and so does one that is no x86-64.

#[cfg(feature = "compile")]
use wasmtime::Config;

/// The level's name, as the compiler has it. Its own `x86-64-v3` lacks AVX, which AVX2 rests on.
const LEVEL: &str = "haswell";

/// Returns true if this processor has all features of the level.
fn has_level() -> bool {
    #[cfg(target_arch = "x86_64")]
    macro_rules! has {
        ($($feature:tt)*) => {
            true $(&& std::arch::is_x86_feature_detected!($feature))*
        };
    }
    #[cfg(target_arch = "x86_64")]
    return has!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "cmpxchg16b" "avx" "avx2" "bmi1" "bmi2" "fma" "lzcnt");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Returns what distinguishes this processor's code from another's: the level, or the name and
/// those of its features that compiled code may use.
pub(super) fn names() -> Vec<&'static str> {
    if has_level() {
        return vec![std::env::consts::ARCH, LEVEL];
    }
    macro_rules! detected {
        ($detect:ident: $($feature:tt)*) => {
            [$((std::arch::$detect!($feature), $feature)),*]
        };
    }
    #[cfg(target_arch = "x86_64")]
    let known = detected!(is_x86_feature_detected: "sse3" "ssse3" "sse4.1" "sse4.2" "cmpxchg16b" "popcnt" "avx" "avx2" "fma" "avxvnni" "bmi1" "bmi2"
        "avx512bitalg" "avx512dq" "avx512f" "avx512vl" "avx512vbmi" "lzcnt");
    #[cfg(target_arch = "aarch64")]
    let known = detected!(is_aarch64_feature_detected: "lse" "paca" "fp16" "dotprod" "i8mm");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known: [(bool, &str); 0] = [];
    let has = known
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name));
    [std::env::consts::ARCH].into_iter().chain(has).collect()
}

/// Sets the compiler to the level where this processor has it. Otherwise it stays set to the
/// processor itself.
///
/// # Errors
/// The compiler does not know the target: never on one that it runs on.
#[cfg(feature = "compile")]
pub(super) fn restrict(config: &mut Config) -> wasmtime::Result<()> {
    match has_level() {
        true => set_level(config),
        false => Ok(()),
    }
}

/// Sets the compiler to the level, whatever this processor has: for code that runs elsewhere.
/// Without effect where there is no level.
///
/// # Errors
/// As [`restrict`].
#[cfg(feature = "compile")]
pub(super) fn set_level(config: &mut Config) -> wasmtime::Result<()> {
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        // A target that is named has no features but those that are enabled.
        config.target("x86_64-unknown-linux-gnu")?;
        #[allow(
            unsafe_code,
            reason = "flags can change what code means; this one names instructions"
        )]
        // SAFETY: code is mapped only where wasmtime finds all the features that it needs.
        unsafe {
            config.cranelift_flag_enable(LEVEL)
        };
    }
    Ok(())
}

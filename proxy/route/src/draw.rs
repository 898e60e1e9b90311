//! Draws by a hash: the same hash draws the same number, and draws of different purposes have
//! nothing to do with each other.

/// The purpose of a draw. Its number is the salt, and stays what it is: a changed one would send
/// conversations to other arms.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The arm of a canary.
    Canary = 1,
    /// The sample of a shadow.
    Shadow = 2,
    /// The slot in which a conversation's samples are counted.
    Repeats = 3,
}

/// Returns a number in 0..1, uniform over hashes.
pub(crate) fn draw(hash: u64, purpose: Purpose) -> f64 {
    (mix(hash, purpose) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Mixes a hash with a purpose (splitmix64's finaliser, Steele, Lea & Flood 2014).
pub(crate) const fn mix(hash: u64, purpose: Purpose) -> u64 {
    let salt = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(purpose as u64);
    let mut mixed = hash.wrapping_add(salt);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

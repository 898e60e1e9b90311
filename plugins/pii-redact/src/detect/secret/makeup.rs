//! The characters that a value is made of, and how much of it could not have been guessed.

/// For each letter a bit for every letter that commonly follows it in words: the pairs that make up
/// 92 % of those in the distinct words of source code and documentation.
const PAIRS: [u32; 26] = [
    0x13e_bd6e, 0x016_4911, 0x11e_4d95, 0x016_4919, 0x1ef_f97f, 0x01e_4931, 0x016_6991, 0x008_4111,
    0x22e_f87f, 0x000_0000, 0x004_0110, 0x11c_4919, 0x014_d113, 0x03c_657d, 0x07e_fd6f, 0x01e_c991,
    0x010_0000, 0x11e_fd5d, 0x11c_cd95, 0x11e_c995, 0x00e_b917, 0x000_4111, 0x002_6191, 0x008_8000,
    0x004_8000, 0x000_0010,
];

/// The composition of a value.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Makeup {
    pub(super) length: usize,
    pub(super) digits: usize,
    pub(super) upper: usize,
    pub(super) lower: usize,
    /// Neither letters nor digits.
    pub(super) marks: usize,
    /// A bit for each character, modulo 128.
    seen: [u64; 2],
    /// Tenths of bits: what a reader could not have guessed.
    surprise: usize,
    /// The longest run of one character.
    pub(super) longest_run: usize,
    /// Characters that are hexadecimal digits.
    pub(super) hex: usize,
    /// Places where a digit stands beside a letter.
    pub(super) turns: usize,
}

impl Makeup {
    pub(super) fn of(value: &[u8]) -> Self {
        let mut makeup = Self {
            length: value.len(),
            ..Self::default()
        };
        let (mut last, mut run) = (0, 0);
        for &b in value {
            match b {
                b'0'..=b'9' => makeup.digits += 1,
                b'A'..=b'Z' => makeup.upper += 1,
                b'a'..=b'z' => makeup.lower += 1,
                _ => makeup.marks += 1,
            }
            makeup.hex += usize::from(b.is_ascii_hexdigit());
            makeup.seen[usize::from(b >> 6 & 1)] |= 1 << (b & 63);
            makeup.surprise += surprise(last, b);
            makeup.turns += usize::from(
                last.is_ascii_digit() && b.is_ascii_alphabetic()
                    || last.is_ascii_alphabetic() && b.is_ascii_digit(),
            );
            run = if b == last { run + 1 } else { 1 };
            makeup.longest_run = makeup.longest_run.max(run);
            last = b;
        }
        makeup
    }

    pub(super) fn distinct(&self) -> u32 {
        self.seen[0].count_ones() + self.seen[1].count_ones()
    }
    pub(super) fn letters(&self) -> usize {
        self.upper + self.lower
    }
    /// Bits of surprise.
    pub(super) fn bits(&self) -> usize {
        self.surprise / 10
    }
    /// True if a character surprises by so many tenths of a bit, on the average.
    pub(super) fn surprises(&self, tenths: usize) -> bool {
        self.surprise >= tenths * self.length
    }
}

/// Tenths of bits by which a character surprises after another.
fn surprise(last: u8, b: u8) -> usize {
    let letter = |b: u8| usize::from((b | 0x20).wrapping_sub(b'a'));
    if b == last {
        return 5;
    }
    if last.is_ascii_alphabetic() && b.is_ascii_alphabetic() {
        let common = PAIRS
            .get(letter(last))
            .is_some_and(|row| row >> letter(b) & 1 == 1);
        return match (last.is_ascii_lowercase(), b.is_ascii_uppercase()) {
            (true, true) => 35,
            _ if common => 12,
            _ => 55,
        };
    }
    if last.is_ascii_digit() && b.is_ascii_digit() {
        return if b == last.wrapping_add(1) { 8 } else { 33 };
    }
    if last.is_ascii_alphanumeric() && b.is_ascii_alphanumeric() {
        return 42;
    }
    20
}

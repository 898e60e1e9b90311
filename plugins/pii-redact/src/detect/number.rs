//! Numbers that are recognised by their digits: groups of digits with single separators, tried
//! against each plan.
//!
//! Groups are read once from where a run of digits begins. The longest reading that a plan accepts
//! wins; checksummed plans are tried before telephone numbers.

use super::columns::Columns;
use super::context::{LazyTopic, Topic};
use super::neighbour::is_fraction;
use super::text::{before, begins, byte, digits_end, goes_on, hangs_left};
use super::{Kind, Kinds, Span, check, ids, ip, phone};

/// Most groups that a number has, and most digits.
const GROUPS: usize = 9;
const DIGITS: usize = 24;
/// Fewest digits of what is written in one group: a telephone number's.
const LEAST: usize = 7;

/// Up to nine groups of digits: `(11) 98765-4321` has three.
pub(super) struct Groups {
    pub(super) starts: [usize; GROUPS],
    pub(super) lengths: [usize; GROUPS],
    /// The separators before each group: a space, `-`, `.`, `/`, or `)` and `(` with the spaces
    /// around them.
    pub(super) separators: [u8; GROUPS],
    pub(super) count: usize,
}

impl Groups {
    /// Reads the groups from the digit at `start`.
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut groups = Self {
            starts: [0; GROUPS],
            lengths: [0; GROUPS],
            separators: [0; GROUPS],
            count: 0,
        };
        let (mut at, mut total) = (start, 0);
        while groups.count < GROUPS {
            let end = digits_end(bytes, at);
            if groups.count > 0 && total + end - at > DIGITS {
                break;
            }
            groups.starts[groups.count] = at;
            groups.lengths[groups.count] = end - at;
            groups.count += 1;
            total += end - at;
            let (separator, length) = separator(bytes, end);
            if length == 0 || groups.count == GROUPS {
                break;
            }
            groups.separators[groups.count] = separator;
            at = end + length;
        }
        groups
    }

    /// One past the last byte of a group.
    pub(super) fn end(&self, group: usize) -> usize {
        self.starts[group] + self.lengths[group]
    }

    /// The digits of one group.
    pub(super) fn digits<'a>(&self, bytes: &'a [u8], group: usize) -> &'a [u8] {
        bytes
            .get(self.starts[group]..self.end(group))
            .unwrap_or_default()
    }

    /// True if the separators after the first `n` groups' first are all `separator`.
    fn all(&self, n: usize, separator: u8) -> bool {
        self.separators[1..n].iter().all(|&s| s == separator)
    }
}

/// The separator at `at` and its length; a length of 0 where no further group follows.
fn separator(bytes: &[u8], at: usize) -> (u8, usize) {
    let digit = |i: usize| byte(bytes, i).is_ascii_digit();
    let b = byte(bytes, at);
    match b {
        b' ' if byte(bytes, at + 1) == b'(' && digit(at + 2) => (b'(', 2),
        b' ' if matches!(byte(bytes, at + 1), b'-' | b'/')
            && byte(bytes, at + 2) == b' '
            && digit(at + 3) =>
        {
            (b'-', 3)
        }
        b' ' | b'-' | b'.' | b'/' if digit(at + 1) => (b, 1),
        b'(' if digit(at + 1) => (b'(', 1),
        b')' if matches!(byte(bytes, at + 1), b' ' | b'-') && digit(at + 2) => (b')', 2),
        b')' if digit(at + 1) => (b')', 1),
        b'\\' if byte(bytes, at + 1) == b'/' && digit(at + 2) => (b'/', 2), // JSON may write a slash so
        0xc2 if byte(bytes, at + 1) == 0xa0 && digit(at + 2) => (b' ', 2),  // no-break space
        0xe2 if byte(bytes, at + 1) == 0x80
            && matches!(byte(bytes, at + 2), 0x91 | 0xaf | 0x89)
            && digit(at + 3) =>
        {
            (if bytes[at + 2] == 0x91 { b'-' } else { b' ' }, 3) // no-break hyphen, narrow and thin spaces
        }
        _ => (0, 0),
    }
}

/// The finding at the first digit of a run, and where to go on if there is none.
pub(super) fn at(
    bytes: &[u8],
    start: usize,
    kinds: Kinds,
    columns: &Columns<'_>,
) -> (Option<Span>, usize) {
    let run = digits_end(bytes, start);
    // What has fewer digits than any plan, no second group and no letter before it, as most numbers
    // in a text, is nothing.
    let short = run - start < LEAST && separator(bytes, run).1 == 0;
    if short && !before(bytes, start, 1).is_ascii_alphabetic() {
        return (None, run);
    }
    if let Some(span) = ids::around(bytes, start, run, kinds) {
        return (Some(span), run);
    }
    if !begins(bytes, start) || hangs_left(bytes, start) && before(bytes, start, 1) != b'+' {
        return (None, run);
    }
    if run - start > DIGITS || short {
        return (None, run);
    }
    let groups = Groups::read(bytes, start);
    // No plan has two groups of one digit at its beginning.
    if groups.count > 2 && groups.lengths[..2] == [1, 1] {
        return (None, run);
    }
    // Nor is a decimal fraction or a date; an IPv4 address has four digits at least.
    if groups.count < 4 && groups.lengths.iter().sum::<usize>() < LEAST {
        return (None, run);
    }
    if let Some(span) = ip::v4(bytes, &groups, kinds) {
        return (Some(span), run);
    }
    if before(bytes, start, 1) != b'+'
        && let Some(span) = identity(bytes, &groups, kinds, columns)
    {
        return (Some(span), run);
    }
    let found = if kinds.has(Kind::Phone) {
        phone::at(bytes, &groups, columns)
    } else {
        None
    };
    (found, run)
}

/// The longest reading as a card, a tax number or the like.
fn identity(bytes: &[u8], groups: &Groups, kinds: Kinds, columns: &Columns<'_>) -> Option<Span> {
    let start = groups.starts[0];
    if is_fraction(bytes, start, groups.end(0)) {
        return None;
    }
    let mut digits = [0u8; DIGITS];
    let mut lengths = [0usize; GROUPS];
    let mut total = 0;
    let mut best = None;
    let topic = LazyTopic::new(bytes, start, columns);
    for n in 1..=groups.count {
        let group = groups.digits(bytes, n - 1);
        let Some(room) = digits.get_mut(total..total + group.len()) else {
            break;
        };
        room.copy_from_slice(group);
        lengths[n - 1] = group.len();
        total += group.len();
        if total < 9 {
            continue;
        }
        // A reading ends where the number does, or where a space parts it from the next one.
        let end = groups.end(n - 1);
        if n < groups.count && groups.separators[n] != b' '
            || n == groups.count && goes_on(bytes, end)
        {
            continue;
        }
        if let Some(kind) = plan(&digits[..total], groups, &lengths[..n], &topic, kinds) {
            best = Some(Span { start, end, kind });
        }
    }
    best
}

/// The plan that accepts these digits in these groups.
fn plan(
    digits: &[u8],
    groups: &Groups,
    lengths: &[usize],
    topic: &LazyTopic<'_>,
    kinds: Kinds,
) -> Option<Kind> {
    let n = lengths.len();
    let plain = n == 1;
    let even = plain || groups.all(n, b' ') || groups.all(n, b'-') || groups.all(n, b'.');
    match digits.len() {
        9 => {
            let grouped = lengths == [3, 2, 4]
                && (groups.all(n, b'-') || groups.all(n, b' ') || groups.all(n, b'.'));
            if kinds.has(Kind::Ssn)
                && check::ssn(digits)
                && (grouped && topic.get() != Some(Topic::Thing)
                    || plain && topic.get() == Some(Topic::Ssn))
            {
                return Some(Kind::Ssn);
            }
            let nif = (plain || lengths == [3, 3, 3])
                && kinds.has(Kind::PtNif)
                && check::portuguese_nif(digits);
            (nif && matches!(topic.get(), Some(Topic::Nif | Topic::Tax))).then_some(Kind::PtNif)
        }
        11 => {
            let tax = (plain || lengths == [2, 3, 3, 3] && even || lengths == [2, 9])
                && kinds.has(Kind::DeTax)
                && check::german_tax(digits)
                && (topic.get() == Some(Topic::Tax)
                    || lengths == [2, 3, 3, 3]
                        && groups.all(n, b' ')
                        && topic.get() != Some(Topic::Phone));
            if tax {
                return Some(Kind::DeTax);
            }
            let written = lengths == [3, 3, 3, 2] || lengths == [9, 2];
            let cpf = (plain || written) && kinds.has(Kind::Cpf) && check::cpf(digits);
            let other = || {
                matches!(
                    topic.get(),
                    Some(Topic::Thing | Topic::Phone | Topic::Hash | Topic::Version)
                )
            };
            (cpf && (written || !other())).then_some(Kind::Cpf)
        }
        14 if kinds.has(Kind::Cnpj)
            && (plain
                || lengths == [2, 3, 3, 4, 2]
                || lengths == [8, 4, 2]
                || lengths == [12, 2])
            && check::cnpj(digits) =>
        {
            let surely = !plain
                || match topic.get() {
                    Some(Topic::Cnpj | Topic::Cpf | Topic::Tax) => true,
                    Some(Topic::Thing | Topic::Card | Topic::Phone | Topic::Hash) => false,
                    _ => !is_time(digits),
                };
            if surely {
                Some(Kind::Cnpj)
            } else {
                card(digits, plain, topic, kinds)
            }
        }
        15 if kinds.has(Kind::FrNir)
            && (plain || lengths[0] == 1 && groups.all(n, b' ') || lengths == [13, 2])
            && check::french_nir(digits)
            && topic.get() != Some(Topic::Thing) =>
        {
            Some(Kind::FrNir)
        }
        13..=19 if even && (plain || lengths.iter().all(|&l| (3..=7).contains(&l))) => {
            card(digits, plain, topic, kinds)
        }
        _ => None,
    }
}

/// A card number; in the rare lengths, which machine-made ids share, only after a word that says
/// so.
fn card(digits: &[u8], plain: bool, topic: &LazyTopic<'_>, kinds: Kinds) -> Option<Kind> {
    let usual = matches!(digits.len(), 14..=16) || !plain && digits.len() > 16;
    if !kinds.has(Kind::Card) || !check::card(digits) {
        return None;
    }
    let thing = || {
        topic.get() == Some(Topic::Hash)
            || matches!(topic.near(), Some(Topic::Thing | Topic::Hash))
            || digits.len() == 14 && is_time(digits)
    };
    let fits = topic.get() == Some(Topic::Card) || usual && !(plain && thing());
    fits.then_some(Kind::Card)
}

/// True if fourteen digits are a date and a time, as machines write them: `20240115102030`.
fn is_time(digits: &[u8]) -> bool {
    let pair = |at: usize| {
        let pair = digits.get(at..at + 2).unwrap_or_default();
        pair.iter().fold(0, |n, &b| n * 10 + u32::from(b - b'0'))
    };
    matches!(pair(0), 19 | 20)
        && (1..=12).contains(&pair(4))
        && (1..=31).contains(&pair(6))
        && pair(8) < 24
        && pair(10) < 60
        && pair(12) < 60
}

//! Finds personal data and secrets in text, in one pass over its bytes.
//!
//! The [`sieve`] finds the bytes that can matter (`@`, the first digit of a run, the separator
//! inside a key's prefix …), and a table sends each to a small scanner that looks around it, a
//! bounded number of bytes to either side, and proves or drops the suspicion by check digits,
//! number plans and context words. All other bytes are passed over sixteen at a time. There are no
//! regular expressions and nothing is built at run time: the tables are constants, so that a fresh
//! instance touches hardly any memory. Names and addresses are out of scope.
//!
//! Text may be JSON source (tool arguments, or JSON that somebody pasted): escapes count as
//! boundaries, and `\u0040` is an `@`. What is hidden by other means is seen through by [`fold`].

mod check;
mod columns;
mod context;
mod email;
mod fold;
mod ids;
mod ip;
mod neighbour;
mod number;
mod phone;
mod secret;
mod sieve;
mod text;

use columns::Columns;
use sieve::Sieve;
use text::is_digit;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $key:literal $label:literal)*) => {
        /// The kind of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, in order.
            pub const EVERY: &[Self] = &[$(Self::$kind),*];

            /// The name in the operator's `detect:` list.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$kind => $key,)*
                }
            }

            /// The name of the counter of its findings.
            pub(crate) const fn counter(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("found_", $key),)*
                }
            }

            /// The readable part of a placeholder, at most 11 capital letters and underscores.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label,)*
                }
            }
        }
    };
}

// Each with its name in the configuration, and the one that placeholders show.
kinds! {
    /// An e-mail address.
    Email "email" "EMAIL"
    /// A telephone number: E.164, or the national forms of the US, Brazil and Europe.
    Phone "phone" "PHONE"
    /// A payment card's number.
    Card "credit_card" "CARD"
    /// An international bank account number.
    Iban "iban" "IBAN"
    /// A Brazilian person's tax number.
    Cpf "cpf" "CPF"
    /// A Brazilian company's tax number, the alphanumeric form of July 2026 included.
    Cnpj "cnpj" "CNPJ"
    /// A US social security number.
    Ssn "ssn" "SSN"
    /// An IPv4 or IPv6 address.
    Ip "ip" "IP"
    /// A key, token, password or private-key block.
    Secret "secret" "SECRET"
    /// A UK national insurance number.
    UkNino "uk_nino" "UK_NINO"
    /// A Spanish DNI or NIE.
    EsDni "es_dni" "ES_DNI"
    /// A German tax identification number.
    DeTax "de_tax_id" "DE_TAX"
    /// A Portuguese tax number.
    PtNif "pt_nif" "PT_NIF"
    /// An Italian codice fiscale.
    ItCf "it_codice_fiscale" "IT_CF"
    /// A French social security number.
    FrNir "fr_nir" "FR_NIR"
    /// One of the operator's own patterns.
    Custom "custom" "CUSTOM"
}

impl Kind {
    /// All built-in kinds: those before the last.
    pub const ALL: &[Self] = Self::EVERY.split_at(Self::Custom as usize).0;

    /// True for a number or a code, whose spaces, dots and dashes are a matter of taste.
    pub const fn is_number(self) -> bool {
        !matches!(self, Self::Email | Self::Ip | Self::Secret | Self::Custom)
    }

    /// The rank by which one of two overlapping findings wins where neither contains the other: the
    /// surer one.
    const fn rank(self) -> u8 {
        match self {
            Self::Secret => 4,
            Self::Email | Self::Custom => 3,
            Self::Phone => 1,
            _ => 2,
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every built-in kind.
    pub const ALL: Self = Self(0x7fff);

    /// The set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }
    /// True if `kind` is in the set.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
    /// True if the set has a kind beside those of `others`.
    const fn exceeds(self, others: Self) -> bool {
        self.0 & !others.0 != 0
    }
}

/// A finding: `text[start..end]`, in bytes, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Its kind.
    pub kind: Kind,
}

/// The scan that a byte sets off.
const NONE: u8 = 0;
const DIGIT: u8 = 1;
const AT: u8 = 2;
const COLON: u8 = 3;
const EQUALS: u8 = 4;
const JOINER: u8 = 5; // - _ . : the end of a key's prefix, or the start of a key block
const ESCAPE: u8 = 6; // \ % : an @ in other clothes
const SLASH: u8 = 7;
const DRESS: u8 = 8; // what may begin something that is read otherwise than it is written

/// The bytes that may begin something which is read otherwise than it is written.
const DRESSED: &[u8] = b"&([\\%\xc2\xd9\xdb\xe0\xe2\xe3\xef\xf0";

const CLASS: [u8; 256] = {
    let mut class = [NONE; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        class[digit as usize] = DIGIT;
        digit += 1;
    }
    class[b'@' as usize] = AT;
    class[b':' as usize] = COLON;
    class[b'=' as usize] = EQUALS;
    class[b'-' as usize] = JOINER;
    class[b'_' as usize] = JOINER;
    class[b'.' as usize] = JOINER;
    class[b'\\' as usize] = ESCAPE;
    class[b'%' as usize] = ESCAPE;
    class[b'/' as usize] = SLASH;
    let mut at = 0;
    while at < DRESSED.len() {
        if class[DRESSED[at] as usize] == NONE {
            class[DRESSED[at] as usize] = DRESS;
        }
        at += 1;
    }
    class
};

/// Appends the findings in `text` to `spans`, in order and without overlaps. Takes time linear in
/// the text.
pub fn scan(text: &str, kinds: Kinds, spans: &mut Vec<Span>) {
    let first = spans.len();
    let mut noted = Vec::new();
    raw(text, kinds, spans, Some(&mut noted));
    if kinds.has(Kind::Email) {
        fold::note_words(text.as_bytes(), &mut noted);
    }
    if !noted.is_empty() {
        fold::scan(text, &mut noted, kinds, spans, first);
    }
}

/// The same for the text as it is written, with a note of each place that [`fold`] may read
/// otherwise.
fn raw(text: &str, kinds: Kinds, spans: &mut Vec<Span>, mut noted: Option<&mut Vec<usize>>) {
    let bytes = text.as_bytes();
    let first = spans.len();
    let columns = Columns::new(bytes);
    let mut sieve = Sieve::new(bytes, kinds);
    let mut secrets = secret::Secrets::new(bytes, kinds);
    // A secret whose name was met before its value.
    let mut ahead = None;
    let (mut at, mut covered) = (0, 0);
    loop {
        let mut next = sieve.next(at).unwrap_or(bytes.len());
        // Prose is full of what may be dress and is not: a look at each has to do.
        while CLASS[usize::from(text::byte(bytes, next))] == DRESS {
            if let Some(noted) = noted.as_deref_mut()
                && fold::is_noted(bytes, next)
            {
                noted.push(next);
            }
            next = sieve.next(next + 1).unwrap_or(bytes.len());
        }
        if ahead.is_none() {
            ahead = secrets.find(covered, next.saturating_add(1).min(bytes.len()));
        }
        if let Some(span) = ahead.take_if(|span| span.start <= next) {
            let span = whole(text, span);
            at = at.max(span.end);
            covered = span.end;
            make_room(spans, covered, bytes.len());
            push(spans, first, span);
            continue;
        }
        if next == bytes.len() {
            break;
        }
        at = next;
        let mut note = |is_odd: bool| {
            if let Some(noted) = noted.as_deref_mut()
                && is_odd
            {
                noted.push(at);
            }
        };
        let found = match CLASS[bytes[at] as usize] {
            DIGIT => {
                let (found, next) = number::at(bytes, at, kinds, &columns);
                let Some(span) = found else {
                    note(fold::is_oddly_spaced(bytes, at, next));
                    at = next;
                    continue;
                };
                // It may go on in the next line.
                note(fold::is_oddly_spaced(bytes, at, span.end));
                found
            }
            AT => {
                note(fold::in_address(bytes, at, at + 1));
                email::at(bytes, at, 1, kinds)
            }
            COLON => ip::v6(bytes, at, kinds)
                .or_else(|| secret::telegram(bytes, at, kinds))
                .or_else(|| secret::assigned(bytes, at, kinds)),
            EQUALS => secret::assigned(bytes, at, kinds),
            JOINER => secret::joined(bytes, at, kinds),
            ESCAPE => {
                note(fold::is_noted(bytes, at));
                let length = text::escaped_at_sign(bytes, at);
                if length == 0 {
                    None
                } else {
                    email::at(bytes, at, length, kinds)
                }
            }
            _ => ids::cnpj_around(bytes, at, kinds),
        };
        match found {
            Some(span) => {
                let span = whole(text, span);
                at = span.end.max(at + 1);
                covered = span.end;
                make_room(spans, covered, bytes.len());
                push(spans, first, span);
            }
            None => at += 1,
        }
        debug_assert!(at <= bytes.len());
        // A scanner that matched in the middle of a digit run leaves the rest of the run to nobody:
        // the sieve shows a run's first digit alone.
    }
}

/// Makes room for as many findings as the rest of a text has if it is like what was read of it: a
/// list that grows by itself takes twice what it needs.
fn make_room(spans: &mut Vec<Span>, read: usize, whole: usize) {
    let count = spans.len();
    if count == spans.capacity() {
        let all = count.saturating_mul(whole) / read.max(1);
        spans.reserve_exact(all.saturating_sub(count).clamp(4, 8 * count.max(1)) + 1);
    }
}

/// A finding on character boundaries: scanners work on bytes, but whoever cuts the text there must
/// be able to.
fn whole(text: &str, span: Span) -> Span {
    Span {
        start: text.floor_char_boundary(span.start),
        end: text.ceil_char_boundary(span.end),
        ..span
    }
}

/// Adds a finding; scanners that look to the left can meet what was found before.
pub(crate) fn push(spans: &mut Vec<Span>, first: usize, new: Span) {
    while spans.len() > first {
        let Some(last) = spans.last().copied() else {
            break;
        };
        if last.end <= new.start {
            break;
        }
        let wins = new.end - new.start > last.end - last.start
            && new.kind.rank() >= last.kind.rank()
            || new.kind.rank() > last.kind.rank()
            || new.start <= last.start && new.end >= last.end;
        if !wins {
            return;
        }
        spans.pop();
    }
    spans.push(new);
}

#[cfg(test)]
mod tests;

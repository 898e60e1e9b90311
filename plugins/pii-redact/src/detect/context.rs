//! Reads the words before a number for what they say about it, in English, Portuguese, Spanish,
//! German and French.
//!
//! Only used where the number itself does not decide. The nearest word that means something wins.

use std::cell::OnceCell;

use super::columns::{Column, Columns};
use super::text::{before, byte, escape_before, unescaped};

/// The topic that a word announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Phone,
    Card,
    Ssn,
    Cpf,
    Cnpj,
    Tax,
    Nif,
    /// A version or an object identifier, which is no IP address.
    Version,
    /// A hash or a trace: digits that mean nothing at all.
    Hash,
    /// An order, a ticket, an article: a number that means nobody.
    Thing,
}

use Topic::{Card, Cnpj, Cpf, Hash, Nif, Phone, Ssn, Tax, Thing, Version};

/// Bytes before a number that may speak of it.
const REACH: usize = 48;

/// Stems in lower case, by first letter; a stem of three letters or fewer must be the whole word.
#[rustfmt::skip] // a table
fn stems(first: u8) -> &'static [(&'static [u8], Topic)] {
    match first {
        b'a' => &[(b"anruf", Phone), (b"appel", Phone), (b"artic", Thing), (b"artik", Thing), (b"account", Thing)],
        b'b' => &[(b"bestell", Thing), (b"build", Thing), (b"barcode", Thing), (b"buchung", Thing), (b"booking", Thing)],
        b'c' => &[
            (b"call", Phone), (b"cell", Phone), (b"celu", Phone), (b"contact", Phone), (b"contat", Phone), (b"cpf", Cpf), (b"cnpj", Cnpj),
            (b"card", Card), (b"cart", Card), (b"contribuinte", Nif), (b"commande", Thing), (b"commit", Thing), (b"case", Thing),
            (b"carte", Card), (b"credit", Card), (b"c\xc3\xb3digo", Thing), (b"chamado", Thing), (b"cont\xc3\xa1ct", Phone),
            (b"checksum", Hash), (b"crc", Hash), (b"cel", Phone), (b"coupon", Thing),
        ],
        b'd' => &[(b"dial", Phone), (b"debit", Card), (b"digest", Hash), (b"documento", Cpf), (b"driver", Version), (b"durchwahl", Phone)],
        b'e' => &[(b"erreich", Phone), (b"ean", Thing), (b"epoch", Thing), (b"etag", Hash)],
        b'f' => &[(b"fax", Phone), (b"fone", Phone), (b"fon", Phone), (b"festnetz", Phone), (b"fatura", Thing), (b"factur", Thing), (b"fijo", Phone), (b"fixo", Phone), (b"fixe", Phone), (b"fiscal", Nif), (b"firmware", Version), (b"fingerprint", Hash)],
        b'g' => &[(b"gtin", Thing), (b"guid", Hash)],
        b'h' => &[(b"handy", Phone), (b"hash", Hash)],
        b'i' => &[(b"isbn", Thing), (b"issn", Thing), (b"imei", Thing), (b"invoice", Thing), (b"item", Thing), (b"idnr", Tax), (b"id", Thing), (b"identifikationsnummer", Tax)],
        b'j' => &[(b"joindre", Phone), (b"joignable", Phone)],
        b'k' => &[(b"karte", Card), (b"kredit", Card), (b"kunden", Thing), (b"kontakt", Phone)],
        b'l' => &[(b"ligar", Phone), (b"ligue", Phone), (b"liga", Phone), (b"llam", Phone), (b"ll\xc3\xa1m", Phone), (b"lote", Thing), (b"landline", Phone)],
        b'm' => &[(b"mobil", Phone), (b"md5", Hash), (b"msisdn", Phone), (b"m\xc3\xb3vil", Phone), (b"movil", Phone), (b"mastercard", Card)],
        b'n' => &[(b"nif", Nif), (b"nipc", Nif), (b"nir", Ssn), (b"nonce", Hash), (b"num\xc3\xa9ro", Phone), (b"numero", Phone), (b"n\xc3\xbamero", Phone), (b"number", Phone), (b"nummer", Phone)],
        b'o' => &[(b"oid", Version), (b"order", Thing), (b"orden", Thing), (b"ordre", Thing)],
        b'p' => &[
            (b"phone", Phone), (b"portable", Phone), (b"pedido", Thing), (b"protocol", Thing), (b"product", Thing), (b"produt", Thing), (b"parcel", Thing),
            (b"port", Thing), (b"pid", Thing), (b"process", Thing), (b"partno", Thing), (b"patch", Version), (b"package", Version),
        ],
        b'r' => &[(b"rfc", Version), (b"ruf", Phone), (b"rufen", Phone), (b"ref", Thing), (b"refer", Thing), (b"r\xc3\xa9f", Thing), (b"rechnung", Thing), (b"receipt", Thing), (b"release", Version), (b"rastre", Thing), (b"revision", Version), (b"reach", Phone), (b"ring", Phone)],
        b's' => &[
            (b"ssn", Ssn), (b"social", Ssn), (b"steuer", Tax), (b"sku", Thing), (b"serial", Thing), (b"sendung", Thing), (b"shipment", Thing), (b"sms", Phone),
            (b"seguridad", Ssn), (b"s\xc3\xa9cu", Ssn), (b"secu", Ssn), (b"section", Version), (b"s\xc3\xa9rie", Thing), (b"sha", Hash), (b"sha1", Hash), (b"sha256", Hash),
            (b"snmp", Version), (b"sdk", Version),
        ],
        b't' => &[
            (b"tel", Phone), (b"telef", Phone), (b"telep", Phone), (b"telem", Phone), (b"t\xc3\xa9l", Phone), (b"ticket", Thing), (b"track", Thing), (b"trace", Hash), (b"timestamp", Thing), (b"taxid", Tax),
            (b"tin", Tax), (b"tax", Tax), (b"tarjeta", Card), (b"transa", Thing), (b"ts", Thing), (b"tfn", Phone), (b"tlf", Phone), (b"tfno", Phone),
        ],
        b'u' => &[(b"uuid", Hash)],
        b'v' => &[(b"ver", Version), (b"version", Version), (b"vers\xc3\xa3o", Version), (b"versi\xc3\xb3n", Version), (b"visa", Card)],
        b'w' => &[(b"whats", Phone)],
        b'z' => &[(b"zap", Phone)],
        _ => &[],
    }
}

/// The topic of the words before a number, read once and only where it matters.
pub(super) struct LazyTopic<'a> {
    columns: &'a Columns<'a>,
    bytes: &'a [u8],
    at: usize,
    read: OnceCell<Option<Topic>>,
}

impl<'a> LazyTopic<'a> {
    /// The topic of the number at `at`; nothing is read yet.
    pub(super) fn new(bytes: &'a [u8], at: usize, columns: &'a Columns<'a>) -> Self {
        Self {
            columns,
            bytes,
            at,
            read: OnceCell::new(),
        }
    }

    pub(super) fn get(&self) -> Option<Topic> {
        *self.read.get_or_init(|| match self.columns.at(self.at) {
            // The words before it are other cells.
            Column::Of(topic) => topic,
            Column::Unknown => topic(self.bytes, self.at),
        })
    }

    /// The topic of the word right before the number alone.
    pub(super) fn near(&self) -> Option<Topic> {
        search(self.bytes, self.at, NEAR)
    }
}

/// Bytes before a number that hold the word which it follows at once: `order_id": "`.
const NEAR: usize = 16;

/// The topic of the nearest significant word before `at`.
pub(super) fn topic(bytes: &[u8], at: usize) -> Option<Topic> {
    search(bytes, at, REACH)
}

/// The same for the word right before `at` alone.
pub(super) fn near_topic(bytes: &[u8], at: usize) -> Option<Topic> {
    search(bytes, at, NEAR)
}

fn search(bytes: &[u8], at: usize, reach: usize) -> Option<Topic> {
    let low = at.saturating_sub(reach);
    // Rows of numbers are many, and sixteen bytes without a letter are one look.
    let letter = |found, b: &u8| found | b.is_ascii_alphabetic();
    if !bytes.get(low..at)?.iter().fold(false, letter) {
        return None;
    }
    let (mut start, mut weak) = (at, None);
    let mut key = Key::None;
    while start > low {
        start -= 1;
        let first = bytes[start];
        if !first.is_ascii_alphabetic() {
            // Another member, with a key of its own, or another sentence.
            if key.is_behind(bytes, start) || is_sentence_end(bytes, start) {
                return weak;
            }
        }
        if weak.is_some() && matches!(first, b'.' | b',' | b';' | b':' | b'!' | b'?' | b'0'..=b'9')
        {
            return weak; // another phrase
        }
        let previous = before(bytes, start, 1);
        // A word begins after anything but a letter, at a capital after a small letter, or after a
        // JSON escape.
        let begins = first.is_ascii_alphabetic()
            && (!previous.is_ascii_alphanumeric() && previous < 0x80
                || first.is_ascii_uppercase() && previous.is_ascii_lowercase()
                || escape_before(bytes, start) > 0);
        if !begins {
            continue;
        }
        for &(stem, topic) in stems(first.to_ascii_lowercase()) {
            let Some(end) = stem_end(bytes, start, stem) else {
                continue;
            };
            if stem.len() <= 3 && byte(bytes, end).is_ascii_alphabetic() {
                continue;
            }
            if stem == b"fiscal" && ends_with(bytes, start, b"nota ") {
                continue; // a Brazilian invoice
            }
            let number = first | 0x20 == b'n' && topic == Phone;
            if number && !is_somebodys(bytes, start) {
                continue; // `order number`, `row_number`: the word before says of what
            }
            if stem == b"id" || number {
                weak = weak.or(Some(topic)); // `Steuer-ID`
                break;
            }
            return match weak {
                Some(Thing) if matches!(topic, Phone | Card) => weak,
                _ => Some(topic),
            };
        }
    }
    weak
}

/// The key that a value was seen to have, on the way to the left.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    None,
    /// `"key":`
    Member,
    /// `key=`
    Pair,
}

impl Key {
    /// True if the byte at `at` ends the value before the key; takes note of a key.
    fn is_behind(&mut self, bytes: &[u8], at: usize) -> bool {
        let b = byte(bytes, at);
        match (b, before(bytes, at, 1)) {
            (b':', b'"') => *self = Self::Member,
            (b'=', word) if word.is_ascii_alphanumeric() && byte(bytes, at + 1) > b' ' => {
                *self = Self::Pair;
            }
            _ => {}
        }
        match self {
            Self::None => false,
            Self::Member => b == b',',
            Self::Pair => matches!(b, b' ' | b'&' | b'\n' | b';' | b','),
        }
    }
}

/// True if a sentence ends at `at`: a full stop behind a number or a word that is no abbreviation,
/// and a blank behind it.
fn is_sentence_end(bytes: &[u8], at: usize) -> bool {
    matches!(byte(bytes, at), b'.' | b'!' | b'?')
        && byte(bytes, at + 1) == b' '
        && (before(bytes, at, 1).is_ascii_digit()
            || (1..=5).all(|back| {
                let b = before(bytes, at, back);
                b.is_ascii_alphabetic() || b >= 0x80
            }))
}

fn ends_with(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    let from = at.checked_sub(word.len());
    from.and_then(|from| bytes.get(from..at))
        .is_some_and(|text| text.eq_ignore_ascii_case(word))
}

/// True if the word at `start` follows `my` or the like: somebody's number is their telephone's.
fn is_somebodys(bytes: &[u8], start: usize) -> bool {
    const POSSESSIVES: &[&[u8]] = &[
        b"my", b"your", b"his", b"her", b"their", b"our", b"meu", b"seu", b"nosso", b"mi", b"tu",
        b"su", b"mon", b"ton", b"son", b"votre", b"meine", b"deine", b"ihre", b"unsere", b"meiner",
    ];
    if before(bytes, start, 1) != b' ' {
        return start == 0;
    }
    let end = start - 1;
    let mut from = end;
    while end - from < 8 && before(bytes, from, 1).is_ascii_alphabetic() {
        from -= 1;
    }
    let word = bytes.get(from..end).unwrap_or_default();
    POSSESSIVES
        .iter()
        .any(|possessive| possessive.eq_ignore_ascii_case(word))
}

/// One past the stem at `start`, in any case; letters beyond ASCII may be JSON escapes.
fn stem_end(bytes: &[u8], start: usize, stem: &[u8]) -> Option<usize> {
    let (mut at, mut i) = (start, 0);
    while let Some(&wanted) = stem.get(i) {
        let b = byte(bytes, at);
        if wanted >= 0xc0 && b == b'\\' {
            let (code, length) = unescaped(bytes, at);
            let letter = u32::from(wanted & 0x1f) << 6 | u32::from(byte(stem, i + 1) & 0x3f);
            if code != letter {
                return None;
            }
            at += length;
            i += 2;
        } else if b.eq_ignore_ascii_case(&wanted) {
            at += 1;
            i += 1;
        } else {
            return None;
        }
    }
    Some(at)
}

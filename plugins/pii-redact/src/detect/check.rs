//! Check digits and number plans, each on plain digits (values `b'0'..=b'9'`) or letters.

use super::text::is_digit;

fn value(b: u8) -> u32 {
    u32::from(b.wrapping_sub(b'0'))
}

/// ISO/IEC 7812-1: doubles every second digit from the right.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &b)| {
            let v = value(b) << (i & 1);
            if v > 9 { v - 9 } else { v }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Issuers by the first six digits: lowest, highest, and a bit for each allowed length.
const ISSUERS: &[(u32, u32, u32)] = &[
    (220_000, 220_499, L16),                   // Mir
    (222_100, 272_099, L16),                   // Mastercard
    (300_000, 305_999, L14),                   // Diners
    (309_500, 309_599, L14),                   // Diners
    (340_000, 349_999, L15),                   // American Express
    (352_800, 358_999, L16 | L19),             // JCB
    (360_000, 369_999, L14),                   // Diners
    (370_000, 379_999, L15),                   // American Express
    (380_000, 399_999, L14 | L16),             // Diners, Hipercard 3841
    (400_000, 499_999, L13 | L16 | L19),       // Visa, Elo
    (500_000, 509_999, L16 | L19),             // Elo, Aura, Maestro
    (510_000, 559_999, L16),                   // Mastercard
    (560_000, 569_999, L16 | L19),             // Maestro
    (589_300, 589_399, L16 | L19),             // Maestro
    (601_100, 601_199, L16 | L19),             // Discover
    (606_282, 606_282, L13 | L16 | L19),       // Hipercard
    (607_000, 608_999, L16),                   // RuPay
    (620_000, 629_999, L16 | L17 | L18 | L19), // UnionPay, Elo 627780
    (630_400, 630_499, L16 | L18 | L19),       // Maestro
    (636_297, 636_399, L16),                   // Elo 636297, 636368
    (637_000, 637_999, L16),                   // Hipercard
    (644_000, 659_999, L16 | L19),             // Discover, Elo 65
    (675_900, 676_999, L16 | L18 | L19),       // Maestro
    (817_200, 820_199, L16),                   // RuPay
    (979_200, 979_289, L16),                   // Troy
];
const L13: u32 = 1 << 13;
const L14: u32 = 1 << 14;
const L15: u32 = 1 << 15;
const L16: u32 = 1 << 16;
const L17: u32 = 1 << 17;
const L18: u32 = 1 << 18;
const L19: u32 = 1 << 19;

/// True if an issuer gives out card numbers like this one, and the check digit is right.
pub(super) fn card(digits: &[u8]) -> bool {
    let Some(head) = digits.get(..6) else {
        return false;
    };
    let head = head.iter().fold(0, |n, &b| n * 10 + value(b));
    let issued = ISSUERS.iter().any(|&(low, high, lengths)| {
        (low..=high).contains(&head) && lengths >> digits.len().min(31) & 1 == 1
    });
    issued && luhn(digits) && digits.iter().any(|&b| b != digits[0])
}

/// CPF: two check digits, modulo 11; eleven equal digits pass the sums but are never given out.
pub(super) fn cpf(digits: &[u8]) -> bool {
    digits.len() == 11
        && digits.iter().any(|&b| b != digits[0])
        && (9..11).all(|n| {
            let sum: u32 = digits
                .iter()
                .take(n)
                .zip((2..=n as u32 + 1).rev())
                .map(|(&b, w)| value(b) * w)
                .sum();
            sum * 10 % 11 % 10 == value(digits[n])
        })
}

/// CNPJ, numeric or alphanumeric (Receita Federal, IN 2.229/2024): a character counts as its ASCII
/// code less 48.
pub(super) fn cnpj(characters: &[u8]) -> bool {
    let fits = characters.len() == 14
        && characters
            .iter()
            .enumerate()
            .all(|(i, &b)| is_digit(b) || i < 12 && b.is_ascii_uppercase())
        && characters.iter().any(|&b| b != characters[0]);
    fits && (12..14).all(|n| {
        let sum: u32 = characters
            .iter()
            .take(n)
            .rev()
            .zip((2..=9).cycle())
            .map(|(&b, w)| value(b) * w)
            .sum();
        let rest = sum % 11;
        value(characters[n]) == if rest < 2 { 0 } else { 11 - rest }
    })
}

/// US social security number: area, group and serial that can be given out.
pub(super) fn ssn(digits: &[u8]) -> bool {
    digits.len() == 9
        && !matches!(&digits[..3], b"000" | b"666")
        && digits[0] != b'9'
        && &digits[3..5] != b"00"
        && &digits[5..] != b"0000"
}

/// German tax number: ISO 7064 MOD 11,10, no leading zero.
pub(super) fn german_tax(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == b'0' {
        return false;
    }
    let product = digits[..10].iter().fold(10, |product, &b| {
        let sum = (value(b) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == value(digits[10])
}

/// Portuguese tax number: modulo 11, and a first digit that is given out.
pub(super) fn portuguese_nif(digits: &[u8]) -> bool {
    if digits.len() != 9 || matches!(digits[0], b'0' | b'4') {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .zip((2..=9).rev())
        .map(|(&b, w)| value(b) * w)
        .sum();
    let rest = sum % 11;
    value(digits[8]) == if rest < 2 { 0 } else { 11 - rest }
}

/// French social security number with its key: 97 less the number modulo 97; sex, month and
/// department must be possible.
pub(super) fn french_nir(digits: &[u8]) -> bool {
    if digits.len() != 15 || !matches!(digits[0], b'1' | b'2') {
        return false;
    }
    let number = |d: &[u8]| d.iter().fold(0u64, |n, &b| n * 10 + u64::from(value(b)));
    let month = number(&digits[3..5]);
    (1..=12).contains(&month) && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

/// Spanish DNI or NIE: the letter follows from the number modulo 23.
pub(super) fn spanish_letter(number: u32, letter: u8) -> bool {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((number % 23) as usize) == Some(&letter.to_ascii_uppercase())
}

/// Codice fiscale: sixteen letters and digits; odd places have values of their own.
pub(super) fn codice_fiscale(code: &[u8]) -> bool {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    if code.len() != 16 {
        return false;
    }
    let sum: u32 = code[..15]
        .iter()
        .enumerate()
        .map(|(i, &b)| {
            let v = if is_digit(b) {
                b - b'0'
            } else {
                b.to_ascii_uppercase().wrapping_sub(b'A')
            } as usize;
            if i % 2 == 0 {
                ODD.get(v).copied().map_or(0, u32::from)
            } else {
                v as u32
            }
        })
        .sum();
    (sum % 26) as u8 == code[15].to_ascii_uppercase().wrapping_sub(b'A')
}

/// UK national insurance number: prefixes that are given out (HMRC NIM39110).
pub(super) fn nino_prefix(first: u8, second: u8) -> bool {
    let (first, second) = (first.to_ascii_uppercase(), second.to_ascii_uppercase());
    let letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    letters
        && !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && !matches!(
            &[first, second],
            b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ"
        )
}

/// IBAN lengths by country (SWIFT registry).
#[rustfmt::skip] // a table
const IBAN: &[(&[u8; 2], u8)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22), (b"BH", 22),
    (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DJ", 27),
    (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27),
    (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27), (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28),
    (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28),
    (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22),
    (b"MK", 19), (b"MN", 20), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23),
    (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24),
    (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25), (b"SV", 28),
    (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20), (b"YE", 30),
];

/// The length that an IBAN of this country has.
pub(super) fn iban_length(first: u8, second: u8) -> Option<usize> {
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let at = IBAN
        .binary_search_by(|(c, _)| c.as_slice().cmp(country.as_slice()))
        .ok()?;
    IBAN.get(at).map(|&(_, length)| usize::from(length))
}

/// ISO 7064 MOD 97-10 over an IBAN's letters and digits.
pub(super) fn mod97(iban: &[u8]) -> bool {
    let (head, tail) = iban.split_at(iban.len().min(4));
    let rest = tail.iter().chain(head).fold(0u32, |n, &b| {
        if is_digit(b) {
            (n * 10 + value(b)) % 97
        } else {
            (n * 100 + u32::from(b.to_ascii_uppercase()) - 55) % 97
        }
    });
    rest == 1
}

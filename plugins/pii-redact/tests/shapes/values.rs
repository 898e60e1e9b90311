//! Values of every kind, with their check digits computed here, apart from the detector's own.

use pii_redact::detect::Kind;

/// A small generator of numbers: xorshift, the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound
    }
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
    pub fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| self.one(b"0123456789abcdef") as char).collect()
    }
    /// Digits in the places of `#` and `9`, `2` to `8` in those of `N`, capitals in those of `A`.
    pub fn shape(&mut self, shape: &str) -> String {
        shape
            .chars()
            .map(|c| match c {
                '#' | '9' => char::from(b'0' + self.below(10) as u8),
                'N' => char::from(b'2' + self.below(7) as u8),
                'A' => char::from(b'A' + self.below(26) as u8),
                other => other,
            })
            .collect()
    }
}

/// A value.
pub struct Value {
    pub text: String,
}

pub const KINDS: &[Kind] = &[
    Kind::Email, Kind::Phone, Kind::Card, Kind::Iban, Kind::Cpf, Kind::Cnpj, Kind::Ssn, Kind::Ip, Kind::UkNino, Kind::EsDni,
    Kind::DeTax, Kind::PtNif, Kind::ItCf, Kind::FrNir,
];

/// A value of a kind, in one of the forms that people write.
pub fn value(kind: Kind, random: &mut Random) -> Value {
    let text = match kind {
        Kind::Email => email(random),
        Kind::Phone => phone(random),
        Kind::Card => card(random),
        Kind::Iban => iban(random),
        Kind::Cpf => {
            let cpf = cpf(random);
            match random.below(3) {
                0 => cpf,
                1 => format!("{}-{}", &cpf[..9], &cpf[9..]),
                _ => format!("{}.{}.{}-{}", &cpf[..3], &cpf[3..6], &cpf[6..9], &cpf[9..]),
            }
        }
        Kind::Cnpj => {
            let cnpj = cnpj(random);
            match random.below(2) {
                0 => cnpj,
                _ => format!("{}.{}.{}/{}-{}", &cnpj[..2], &cnpj[2..5], &cnpj[5..8], &cnpj[8..12], &cnpj[12..]),
            }
        }
        Kind::Ssn => {
            let (area, group, serial) = (1 + random.below(665), 1 + random.below(99), 1 + random.below(9999));
            let dash = random.one(&["-", "-", " ", ""]);
            format!("{area:03}{dash}{group:02}{dash}{serial:04}")
        }
        Kind::Ip => match random.below(3) {
            0 => {
                let part = |random: &mut Random| format!("{:x}", 1 + random.below(0xffff));
                let parts: Vec<String> = (0..6).map(|_| part(random)).collect();
                format!("2001:db8:{}", parts.join(":"))
            }
            _ => format!("{}.{}.{}.{}", 128 + random.below(90), random.below(256), random.below(256), 1 + random.below(254)),
        },
        Kind::UkNino => {
            let shape = random.one(&["SR999999C", "CE 99 99 99 B", "JK999999D", "PW 99 99 99 C"]);
            random.shape(shape)
        }
        Kind::EsDni => {
            let letters = b"TRWAGMYFPDXBNJZSQVHLCKE";
            if random.below(3) == 0 {
                let n = random.below(10_000_000);
                format!("X{n:07}{}", letters[n % 23] as char)
            } else {
                let n = 10_000_000 + random.below(80_000_000);
                format!("{n:08}{}{}", random.one(&["", "-", ""]), letters[n % 23] as char)
            }
        }
        Kind::DeTax => {
            let tax = german_tax(random);
            match random.below(2) {
                0 => tax,
                _ => format!("{} {} {} {}", &tax[..2], &tax[2..5], &tax[5..8], &tax[8..]),
            }
        }
        Kind::PtNif => {
            let base = format!("2{}", random.digits(7));
            let sum: u32 = base.bytes().zip((2..=9).rev()).map(|(b, w)| u32::from(b - b'0') * w).sum();
            let check = if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
            let nif = format!("{base}{check}");
            match random.below(2) {
                0 => nif,
                _ => format!("{} {} {}", &nif[..3], &nif[3..6], &nif[6..]),
            }
        }
        Kind::ItCf => codice_fiscale(random),
        _ => {
            let base = format!("{}{:02}{:02}{:02}{}", 1 + random.below(2), random.below(99), 1 + random.below(12), 10 + random.below(80), random.digits(6));
            let key = 97 - base.parse::<u64>().unwrap_or(0) % 97;
            match random.below(2) {
                0 => format!("{base}{key:02}"),
                _ => format!("{} {} {} {} {} {} {key:02}", &base[..1], &base[1..3], &base[3..5], &base[5..7], &base[7..10], &base[10..]),
            }
        }
    };
    Value { text }
}

fn email(random: &mut Random) -> String {
    let name = random.one(&["ana", "joao.silva", "m_mueller", "p-dupont", "lee.k", "x7", "carla.reis", "info"]);
    let tag = random.one(&["", "", "+test", ".77"]);
    let host = random.one(&["example.com", "mail.acme.co.uk", "uni-koeln.de", "empresa.com.br", "correo.es", "x1.fr", "sub.host.io"]);
    format!("{name}{tag}@{host}")
}

/// Forms that are telephone numbers by themselves, and others that a word must announce.
fn phone(random: &mut Random) -> String {
    let shape = random.one(&[
        "+1 N3#-N4#-####", "+1N3#N4#####", "(N3#) N4#-####", "N3#-N4#-####", "1-N3#-N4#-####", "+55 11 9N###-####", "(21) 9N###-####", "+55119N######5",
        "(11) 3###-####", "11 9N###-####", "+44 20 7### ####", "07### ######", "020 7### ####", "+49 30 ######", "0151 ########", "+49151########",
        "+33 6 ## ## ## ##", "06 ## ## ## ##", "01.##.##.##.##", "+34 6N# ### ##5", "6N# ## ## ##", "+351 91# ### ###", "912 ### ##4", "+39 347 ### ####",
        "(N3#) N4#-#### ext. ##", "+1 N3# N4# #### x###", "(11) 3###-#### ramal ##", "+1.N3#.N4#.####",
    ]);
    shape
        .chars()
        .map(|c| match c {
            '#' => char::from(b'0' + random.below(10) as u8),
            'N' => char::from(b'2' + random.below(7) as u8),
            other => other,
        })
        .collect()
}

fn luhn(base: &str) -> String {
    let sum: u32 = base
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let v = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            v / 10 + v % 10
        })
        .sum();
    format!("{base}{}", (10 - sum % 10) % 10)
}

fn card(random: &mut Random) -> String {
    let (prefix, length) = random.one(&[("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("636297", 16), ("606282", 16), ("3530", 16)]);
    let base = format!("{prefix}{}", random.digits(length - 1 - prefix.len()));
    let card = luhn(&base);
    let gap = random.one(&["", " ", "-"]);
    match length {
        15 => [&card[..4], &card[4..10], &card[10..]].join(gap),
        _ => [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(gap),
    }
}

fn iban(random: &mut Random) -> String {
    let (country, shape) = random.one(&[
        ("DE", "999999999999999999"), ("GB", "AAAA99999999999999"), ("FR", "99999999999999999999999"), ("ES", "99999999999999999999"),
        ("PT", "999999999999999999999"), ("IT", "A9999999999999999999999"), ("NL", "AAAA9999999999"),
    ]);
    let account = random.shape(shape);
    let numbers: String = format!("{account}{country}00")
        .chars()
        .map(|c| c.to_digit(36).unwrap_or(0).to_string())
        .collect();
    let rest = numbers.bytes().fold(0, |n, b| (n * 10 + u32::from(b - b'0')) % 97);
    let iban = format!("{country}{:02}{account}", 98 - rest);
    match random.below(2) {
        0 => iban,
        _ => iban.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" "),
    }
}

fn cpf(random: &mut Random) -> String {
    let mut digits: Vec<usize> = (0..9).map(|_| random.below(10)).collect();
    for n in [9, 10] {
        let sum: usize = digits.iter().zip((2..=n + 1).rev()).map(|(d, w)| d * w).sum();
        digits.push(sum * 10 % 11 % 10);
    }
    digits.iter().map(ToString::to_string).collect()
}

fn cnpj(random: &mut Random) -> String {
    let shape = random.one(&["999999990001", "99AAA9990001", "A9A999AA9999"]);
    let mut text = random.shape(shape);
    for _ in 0..2 {
        let sum: u32 = text.bytes().rev().zip((2..=9).cycle()).map(|(b, w)| u32::from(b - 48) * w).sum();
        let check = if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
        text += &check.to_string();
    }
    text
}

fn german_tax(random: &mut Random) -> String {
    let base = format!("{}{}", 1 + random.below(9), random.digits(9));
    let product = base.bytes().fold(10, |product, b| {
        let sum = (u32::from(b - b'0') + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    format!("{base}{}", (11 - product) % 10)
}

fn codice_fiscale(random: &mut Random) -> String {
    const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let code = format!("{}{}{}{}", random.shape("AAAAAA99"), random.one(&["A", "C", "H", "T"]), random.shape("99"), random.shape("A999"));
    let sum: u32 = code
        .chars()
        .enumerate()
        .map(|(i, c)| {
            let v = c.to_digit(10).unwrap_or_else(|| u32::from(c) - 65);
            if i % 2 == 0 { ODD[v as usize] } else { v }
        })
        .sum();
    format!("{code}{}", char::from(b'A' + (sum % 26) as u8))
}

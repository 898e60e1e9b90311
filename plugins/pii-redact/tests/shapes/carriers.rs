//! Shapes of text that values stand in: tables, records, sentences.

use pii_redact::detect::Kind;

use super::values::{KINDS, Random, value};

pub const CONTEXTS: &[&str] = &[
    "prose", "csv", "csv bare", "tsv", "json", "json in json", "json arrays", "sql", "yaml", "log", "xml", "markdown", "key=value", "chat",
];

/// A text and where its values are, in bytes.
pub struct Document {
    pub context: &'static str,
    pub text: String,
    pub spans: Vec<(usize, usize, Kind)>,
}

impl Document {
    fn word(&mut self, text: &str) {
        self.text += text;
    }
    fn value(&mut self, kind: Kind, text: &str) {
        self.spans.push((self.text.len(), self.text.len() + text.len(), kind));
        self.text += text;
    }
}

/// Names of a field for a kind, one of them to a document.
fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Email => &["email", "e_mail", "correo", "courriel"],
        Kind::Phone => &["phone", "telefone", "telefono", "telephone", "handy", "phone_number", "celular"],
        Kind::Card => &["card", "cartao", "tarjeta", "carte", "kreditkarte", "card_number"],
        Kind::Iban => &["iban", "bank_account"],
        Kind::Cpf => &["cpf", "documento", "doc", "cpf_cliente"],
        Kind::Cnpj => &["cnpj", "empresa", "cnpj_fornecedor"],
        Kind::Ssn => &["ssn", "social_security_number", "ssn_employee"],
        Kind::Ip => &["ip", "client_ip", "address", "host"],
        Kind::UkNino => &["nino", "ni_number"],
        Kind::EsDni => &["dni", "nie", "documento"],
        Kind::DeTax => &["steuer_id", "idnr", "tax_id"],
        Kind::PtNif => &["nif", "contribuinte", "tax_id"],
        Kind::ItCf => &["codice_fiscale", "cf"],
        _ => &["nir", "numero_secu", "secu"],
    }
}

/// Sentences with a place for the value.
fn sentences(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Email => &["Write to {} please.", "Meu e-mail é {}, obrigado.", "Escríbeme a {}.", "Schreib an {}!", "Mon adresse : {}."],
        Kind::Phone => &["Call me at {} tomorrow.", "Meu telefone é {}, pode ligar.", "Llámame al {}.", "Meine Handynummer ist {}.", "Mon portable : {} merci.", "my number is {}"],
        Kind::Card => &["I paid with {} today.", "O cartão {} foi clonado.", "Mi tarjeta es {}.", "Kreditkarte {}, bitte.", "Ma carte {} est perdue."],
        Kind::Iban => &["Pay to {} by Friday.", "O IBAN é {}.", "Überweise an {} bitte.", "Mon IBAN est {}."],
        Kind::Cpf => &["Meu CPF é {}.", "documento {} do titular", "CPF: {}"],
        Kind::Cnpj => &["A empresa {} emitiu.", "CNPJ {} da loja.", "o fornecedor {}, de Lisboa"],
        Kind::Ssn => &["My SSN is {}.", "social security number {}", "SSN: {}"],
        Kind::Ip => &["logged in from {} at noon", "o IP {} foi bloqueado", "host {} is down", "von {} aus"],
        Kind::UkNino => &["NI number {} on file", "his NINO is {}."],
        Kind::EsDni => &["Mi DNI es {}.", "con NIE {} y pasaporte"],
        Kind::DeTax => &["Meine Steuer-ID ist {}.", "IdNr. {}, danke", "tax id {}"],
        Kind::PtNif => &["O meu NIF é {}.", "contribuinte n.º {}", "número fiscal {}"],
        Kind::ItCf => &["Il codice fiscale è {}.", "cf {} intestato"],
        _ => &["Mon numéro de sécu est {}.", "NIR {} assuré"],
    }
}

pub fn document(context: &'static str, random: &mut Random) -> Document {
    let mut out = Document { context, text: String::new(), spans: Vec::new() };
    let columns: Vec<Kind> = (0..3).map(|_| random.one(KINDS)).collect();
    let headings: Vec<&str> = columns.iter().map(|&kind| random.one(names(kind))).collect();
    match context {
        "prose" | "chat" => {
            for turn in 0..4 {
                let kind = random.one(KINDS);
                let sentence = random.one(sentences(kind));
                let (before, after) = sentence.split_once("{}").unwrap_or((sentence, ""));
                if context == "chat" {
                    out.word(if turn % 2 == 0 { "[10:42] ana: " } else { "[10:43] bob: ok. " });
                }
                out.word(before);
                out.value(kind, &value(kind, random).text);
                out.word(after);
                out.word(if context == "chat" { "\n" } else { " The rest of it, 12 items in all, is on page 7. " });
            }
        }
        "csv" | "csv bare" | "tsv" | "markdown" => {
            let (open, gap, close) = match context {
                "csv" | "csv bare" => ("", random.one(&[",", ",", ";"]), "\n"),
                "tsv" => ("", "\t", "\n"),
                _ => ("| ", " | ", " |\n"),
            };
            if context != "csv bare" {
                out.word(&format!("{open}id{gap}{}{gap}amount{close}", headings.join(gap)));
            }
            if context == "markdown" {
                out.word("|---|---|---|---|---|\n");
            }
            for row in 0..5 {
                out.word(&format!("{open}{}", 1000 + row));
                for &kind in &columns {
                    out.word(gap);
                    let kind = if context == "csv bare" && kind == Kind::PtNif { Kind::Email } else { kind };
                    let value = own(kind, context == "csv bare", random);
                    out.value(kind, &value);
                }
                out.word(&format!("{gap}{}{close}", random.below(900)));
            }
        }
        "json arrays" => {
            out.word("{\"rows\": [");
            for row in 0..4 {
                out.word(if row == 0 { "[" } else { ", [" });
                out.word(&row.to_string());
                for &kind in &columns {
                    let kind = if kind == Kind::PtNif { Kind::Email } else { kind };
                    let value = own(kind, true, random);
                    let bare = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
                    out.word(if bare { "," } else { ",\"" });
                    out.value(kind, &value);
                    out.word(if bare { "" } else { "\"" });
                }
                out.word("]");
            }
            out.word("]}");
        }
        "json" | "json in json" => {
            let inner = context == "json in json";
            let quote = if inner { "\\\"" } else { "\"" };
            out.word(if inner { "{\"arguments\": \"{" } else { "{" });
            for (&kind, name) in columns.iter().zip(&headings) {
                out.word(&format!("{quote}{name}{quote}: {quote}"));
                out.value(kind, &value(kind, random).text);
                out.word(&format!("{quote}, {quote}note{quote}: {quote}line\\n"));
                let other = random.one(&[Kind::Email, Kind::Card, Kind::Iban, Kind::Cpf, Kind::Phone]);
                out.value(other, &own(other, true, random));
                out.word(&format!("\\n{quote}, "));
            }
            out.word(&format!("{quote}n{quote}: 7}}"));
            out.word(if inner { "\"}" } else { "" });
        }
        "sql" => {
            out.word(&format!("INSERT INTO people (id, {}, total) VALUES\n", headings.join(", ")));
            for row in 0..4 {
                out.word(&format!("({row}"));
                for &kind in &columns {
                    let value = value(kind, random).text;
                    let bare = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
                    let gap = random.one(&[",", ", "]);
                    out.word(&format!("{gap}{}", if bare { "" } else { "'" }));
                    out.value(kind, &value);
                    out.word(if bare { "" } else { "'" });
                }
                out.word(&format!(",{}.{:02}){}\n", random.below(999), random.below(99), if row == 3 { ";" } else { "," }));
            }
        }
        _ => {
            for (&kind, name) in columns.iter().zip(&headings) {
                let (before, after) = match context {
                    "yaml" => (format!("{name}: {}", random.one(&["", "\"", "'"])), "\n"),
                    "xml" => (format!("<{name}>"), "</v>\n"),
                    "key=value" => (format!("{name}="), "&x=1\n"),
                    _ => (format!("2026-03-0{}T10:11:12.345Z INFO [worker-3] {name}={}", 1 + random.below(9), random.one(&["", "\"", "'"])), " status=200 ms=12\n"),
                };
                out.word(&before);
                out.value(kind, &value(kind, random).text);
                let quote = before.chars().last().filter(|c| matches!(c, '"' | '\''));
                out.word(&quote.map_or(String::new(), String::from));
                out.word(after);
            }
        }
    }
    out
}

/// A value; where no heading speaks for it, in a form that needs none.
fn own(kind: Kind, alone: bool, random: &mut Random) -> String {
    loop {
        let text = value(kind, random).text;
        let bare = text.bytes().all(|b| b.is_ascii_digit());
        let needs_word = match kind {
            Kind::Ssn | Kind::Phone | Kind::DeTax => bare,
            _ => false,
        };
        if !alone || !needs_word {
            return text;
        }
    }
}

/// A sentence with `{}` in the place of a value.
pub fn sentence(kind: Kind, random: &mut Random) -> &'static str {
    random.one(sentences(kind))
}

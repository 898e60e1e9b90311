//! Words without their accents and endings.
//!
//! A light stemmer: it takes off the longest ending that its language has and leaves four letters,
//! three before those of English verbs. It need not find roots; it must do the same to the forms of
//! one word, and seldom to two words. Endings that turn a word into another one's opposite side
//! (`-ee` of `employee`) are none.

use super::Language;

/// Endings, longest first. Romance languages share theirs.
const ENGLISH: &[&str] = &[
    "ations", "ation", "ments", "ings", "ions", "ment", "ing", "ion", "ive", "ies", "ied", "ate",
    "ian", "ed", "es", "er", "ly", "al", "ia", "s", "e", "y",
];
const ROMANCE: &[&str] = &[
    "amientos", "amiento", "aciones", "imentos", "amentos", "imento", "amento", "aremos", "ations",
    "ianas", "ianos", "acion", "iones", "acoes", "mente", "ation", "ement", "aient", "iens",
    "ando", "endo", "indo", "acao", "iana", "iano", "ivas", "ivos", "adas", "ados", "idas", "idos",
    "amos", "emos", "ions", "coes", "sion", "cion", "ees", "ons", "ont", "ait", "ent", "ive",
    "ivo", "iva", "ion", "cao", "sao", "ada", "ado", "ida", "ido", "ien", "ais", "as", "os", "es",
    "ar", "er", "ir", "re", "am", "em", "an", "en", "ou", "iu", "io", "ia", "ez", "ee", "is", "a",
    "o", "e", "s", "i", "r",
];
const GERMAN: &[&str] = &[
    "ungen", "ung", "est", "ern", "ten", "tet", "en", "er", "es", "em", "et", "te", "st", "e", "n",
    "s", "t",
];

/// English nouns that are fields of their own, and no form of the verb in them: `stock marketing` is
/// no `stock market`.
const FIELDS: [&str; 5] = [
    "marketing",
    "engineering",
    "accounting",
    "housing",
    "clothing",
];

/// Returns a letter in lower case without its accent.
pub(super) fn plain(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        _ => letter,
    }
}

/// Returns a word, given in lower case, without accents.
pub(super) fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for letter in word.chars() {
        match letter {
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            _ => folded.push(plain(letter)),
        }
    }
    folded
}

/// Returns what is left of a folded word without its ending.
pub(super) fn stem(word: &str, language: Language) -> &str {
    if language == Language::English && FIELDS.contains(&word) {
        return word;
    }
    let endings = match language {
        Language::English => ENGLISH,
        Language::German => GERMAN,
        Language::Portuguese | Language::Spanish | Language::French => ROMANCE,
    };
    let rest = endings.iter().find_map(|ending| {
        let rest = word.strip_suffix(ending)?;
        let verbal = language == Language::English && matches!(*ending, "ing" | "ed" | "ings");
        let enough = match verbal {
            true => rest.len() >= 3 && rest.contains(['a', 'e', 'i', 'o', 'u']),
            false => rest.len() >= 4 || (*ending == "s" && rest.len() >= 3),
        };
        enough.then_some(rest)
    });
    let rest = rest.unwrap_or(word);
    // `cancelled` and `cancel`, `stopped` and `stop`
    match rest.as_bytes() {
        [.., a, b] if a == b && rest.len() > 3 => rest.get(..rest.len() - 1).unwrap_or(rest),
        _ => rest,
    }
}

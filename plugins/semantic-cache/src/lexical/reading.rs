//! A question as the checks compare it: what it names, counts, denies and asks.

use super::{
    Language, Languages,
    asked::{self, Asked},
    stem,
    token::{self, Token, Word},
    words::{Class, Kind, LONGEST, Lexicon},
};

/// A text that was cut and whose words were looked up.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) quotes: Vec<String>,
    pub(super) languages: Languages,
}

/// A word, or a phrase that the table has, and its classes in all languages.
#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    pub(super) token: Token,
    pub(super) classes: &'a [Class],
}

/// Something that a question names.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    stem: String,
    classes: Vec<&'a Class>,
    pub(super) capital: bool,
    pub(super) weight: Weight,
    /// The place in the question.
    pub(super) place: usize,
    /// True for a number or an identifier.
    pub(super) exact: bool,
}

/// Weight of a word by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It says what is asked for, which is compared by itself.
    Asks,
    /// It belongs to the form of a question: `please`, `explain`.
    Weak,
    /// It adds little (`the app`, `use`), but in another one's place it may say all.
    Generic,
    Heavy,
}

impl Item<'_> {
    /// True if two name the same.
    pub(super) fn alike(&self, other: &Self) -> bool {
        let shared = |class: &&Class| {
            let bare = |name: &'static str| name.split_once('/').map_or(name, |(name, _)| name);
            let same =
                |known: &&Class| known.kind == class.kind && bare(known.name) == bare(class.name);
            class.kind != Kind::Generic
                && class.kind != Kind::Record
                && other.classes.iter().any(same)
        };
        self.stem == other.stem || self.classes.iter().any(shared)
    }

    pub(super) fn is(&self, kind: Kind) -> bool {
        self.classes.iter().any(|class| class.kind == kind)
    }

    /// True if it belongs to a class of this name.
    pub(super) fn belongs(&self, name: &str) -> bool {
        let bare = |of: &'static str| of.split_once('/').map_or(of, |(of, _)| of);
        self.classes.iter().any(|class| bare(class.name) == name)
    }
}

/// All that is compared.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) numbers: Vec<String>,
    pub(super) identifiers: Vec<String>,
    pub(super) negations: usize,
    /// True if it denies more than a thing: `without` is of a thing.
    pub(super) denies: bool,
    /// Words that ask, and those by which they are read, with their places.
    pub(super) asks: Vec<(&'static str, usize)>,
    pub(super) asked: Asked,
    pub(super) persons: Vec<&'static str>,
    /// The place in `items` of who it is that can, or may: "can my friend see it".
    pub(super) subject: Option<usize>,
    /// Words that say what part the next item has, with its place in `items`.
    pub(super) directions: Vec<(&'static str, usize)>,
}

impl<'a> Reading<'a> {
    /// Cuts a text and looks its words up.
    pub fn new(text: &str, lexicon: &'a Lexicon) -> Self {
        let tokens = token::tokens(text);
        let mut votes = [0u32; Language::ALL.len()];
        letters(text, &mut votes);
        let mut parts = Vec::with_capacity(tokens.list.len());
        let mut rest = tokens.list.as_slice();
        while let Some((token, behind)) = rest.split_first() {
            let (part, used) = match token {
                Token::Word(word) => known(word, behind, lexicon),
                _ => (
                    Part {
                        token: token.clone(),
                        classes: &[],
                    },
                    0,
                ),
            };
            vote(part.classes, &mut votes);
            parts.push(part);
            rest = behind.get(used..).unwrap_or_default();
        }
        Self {
            parts,
            quotes: tokens.quotes,
            languages: Languages::elected(&votes),
        }
    }

    /// Words of the question in this language.
    pub(super) fn content(&self, language: Language, lexicon: &'a Lexicon) -> Content<'a> {
        let mut content = Content::default();
        // Behind a greeting a question begins, too.
        let mut leads = true;
        for (place, part) in self.parts.iter().enumerate() {
            match &part.token {
                Token::Number(value) => {
                    content.numbers.push(value.clone());
                    content.items.push(exact(value, place));
                }
                Token::Identifier(text) => {
                    content.identifiers.push(text.clone());
                    content.items.push(exact(text, place));
                }
                Token::Word(word) => {
                    let classes = part.classes.iter().filter(|of| of.language == language);
                    let last = place + 1 == self.parts.len();
                    let particle = last && language.splits_off(&word.folded);
                    let classes = match particle {
                        true => Vec::new(),
                        false => classes.collect(),
                    };
                    let civil = |class: &&Class| class.kind == Kind::Weak;
                    let civil = classes.iter().any(civil);
                    content.word(
                        word,
                        classes,
                        (language, lexicon),
                        place,
                        leads || word.first,
                    );
                    leads = (leads || word.first) && civil;
                }
            }
        }
        content.subject = self.subject(&content, language);
        content.keep_meant();
        content.asked = asked::read(&mut content, &self.parts, language);
        content.numbers.sort();
        content.identifiers.sort();
        content
    }
}

impl Reading<'_> {
    /// The item that can do something, if a question says so; none where something is done to it.
    fn subject(&self, content: &Content<'_>, language: Language) -> Option<usize> {
        let words = || {
            self.parts.iter().map(|part| match &part.token {
                Token::Word(word) => word.folded.as_str(),
                _ => "",
            })
        };
        if words().any(|word| matches!(word, "be" | "ser")) {
            return None;
        }
        let (can, behind): (&[&str], bool) = match language {
            Language::English => (&["can", "could", "may"], true),
            Language::Portuguese => (&["pode", "podem"], false),
            Language::Spanish => (&["puede", "pueden"], true),
            Language::German => (&["kann", "konnen", "darf", "durfen"], true),
            Language::French => (&["peut", "peuvent"], false),
        };
        let at = words().position(|word| can.contains(&word))?;
        let named = |item: &Item<'_>| item.weight as u8 > Weight::Weak as u8;
        let mut items = content.items.iter();
        match behind {
            true => items.position(|item| item.place > at && named(item)),
            false => items.rposition(|item| item.place < at && named(item)),
        }
    }
}

impl<'a> Content<'a> {
    /// Drops the classes that count only beside a thing (`recover/password`) which is not there.
    fn keep_meant(&mut self) {
        let named = self.items.iter().flat_map(|item| &item.classes);
        let things = named.filter(|class| class.kind == Kind::Thing);
        let things: Vec<&str> = things.map(|class| class.name).collect();
        for item in &mut self.items {
            item.classes
                .retain(|class| match class.name.split_once('/') {
                    Some((_, thing)) => things.contains(&thing),
                    None => true,
                });
        }
    }

    fn word(
        &mut self,
        word: &Word,
        mut classes: Vec<&'a Class>,
        (language, lexicon): (Language, &'a Lexicon),
        place: usize,
        leads: bool,
    ) {
        let stem = stem::stem(&word.folded, language);
        if classes.is_empty() {
            classes = lexicon.stem(stem, language).iter().collect();
        }
        let mut only = !classes.is_empty();
        let mut weight = Weight::Heavy;
        for class in &classes {
            match class.kind {
                Kind::Negation => {
                    self.negations += 1;
                    self.denies |= class.name != "lack";
                }
                Kind::Number => {
                    self.numbers.push(class.name.to_owned());
                    self.items.push(exact(class.name, place));
                }
                Kind::Ask if leads || !LEADING.contains(&class.name) => {
                    self.asks.push((class.name, place));
                    only = only && !NOUNS.contains(&class.name);
                }
                Kind::Mine => {
                    if !self.persons.contains(&class.name) {
                        self.persons.push(class.name);
                    }
                }
                // "quanto tempo de …"
                Kind::Direction if self.asks.last().is_some_and(|(_, at)| at + 1 == place) => {}
                Kind::Direction => self.directions.push((class.name, self.items.len())),
                Kind::Degree | Kind::Action | Kind::Thing => only = false,
                Kind::Generic => {
                    only = false;
                    weight = Weight::Generic;
                }
                Kind::Weak => {
                    only = false;
                    if weight == Weight::Heavy {
                        weight = Weight::Weak;
                    }
                }
                Kind::Record | Kind::Effect | Kind::Fresh | Kind::Market => {
                    // these serve `never`; the word still names something
                    only = only && classes.iter().any(|of| drops(of.kind));
                }
                Kind::Ask | Kind::Function => {}
            }
        }
        if only || word.lower.chars().count() == 1 {
            return;
        }
        // `with a client` says more than `client`: whom, or what, it is done with
        if weight == Weight::Generic && self.directions.last() == Some(&("with", self.items.len()))
        {
            weight = Weight::Heavy;
        }
        // What is an ordinary small word too, is no name.
        let function = classes.iter().any(|of| of.kind == Kind::Function);
        if function && weight == Weight::Heavy {
            weight = Weight::Generic;
        }
        self.items.push(Item {
            stem: stem.to_owned(),
            capital: word.capital && language != Language::German && !function,
            weight,
            place,
            classes: classes.into_iter().filter(|of| of.kind.names()).collect(),
            exact: false,
        });
    }
}

/// Classes that ask in the first word of a question alone.
const LEADING: [&str; 6] = ["if", "may", "can", "must", "exist", "that"];
/// Words that ask, and are things as well: `the duration of`.
const NOUNS: [&str; 3] = ["duration", "hours", "means"];

/// True for kinds whose words name nothing.
const fn drops(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Function
            | Kind::Weak
            | Kind::Mine
            | Kind::Ask
            | Kind::Negation
            | Kind::Direction
            | Kind::Number
    )
}

fn exact(text: &str, place: usize) -> Item<'static> {
    Item {
        stem: text.to_owned(),
        classes: Vec::new(),
        capital: false,
        weight: Weight::Heavy,
        place,
        exact: true,
    }
}

/// Looks a word up, as the first of a phrase if the table has one; returns how many words of
/// `behind` belong to it, too.
fn known<'a>(word: &Word, behind: &[Token], lexicon: &'a Lexicon) -> (Part<'a>, usize) {
    if lexicon.begins(&word.folded) {
        let mut phrase = word.folded.clone();
        let mut found = None;
        for (used, token) in behind.iter().take(LONGEST - 1).enumerate() {
            let Token::Word(next) = token else { break };
            phrase.push('_');
            phrase.push_str(&next.folded);
            let classes = lexicon.exact(&phrase);
            if !classes.is_empty() {
                found = Some((classes, phrase.clone(), used + 1));
            }
        }
        if let Some((classes, phrase, used)) = found {
            let word = Word {
                lower: phrase.clone(),
                folded: phrase,
                capital: false,
                first: word.first,
            };
            return (
                Part {
                    token: Token::Word(word),
                    classes,
                },
                used,
            );
        }
    }
    let mut classes = lexicon.exact(&word.lower);
    if classes.is_empty() {
        classes = lexicon.exact(&word.folded);
    }
    let token = Token::Word(word.clone());
    (Part { token, classes }, 0)
}

/// Letters that few languages have.
fn letters(text: &str, votes: &mut [u32; Language::ALL.len()]) {
    for letter in text.chars() {
        let of = match letter {
            'ã' | 'õ' => Language::Portuguese,
            'ñ' | '¿' | '¡' => Language::Spanish,
            'ß' | 'ä' | 'ö' | 'ü' => Language::German,
            'è' | 'œ' | 'ù' | 'û' | 'ë' => Language::French,
            _ => continue,
        };
        if let Some(votes) = votes.get_mut(of as usize) {
            *votes += 4;
        }
    }
}

/// Small words say more of a language than names do, and a word of several languages less of each.
fn vote(classes: &[Class], votes: &mut [u32; Language::ALL.len()]) {
    let mut weights = [0; Language::ALL.len()];
    for class in classes {
        if let Some(weight) = weights.get_mut(class.language as usize) {
            *weight = (*weight).max(if class.kind.names() { 6 } else { 12 });
        }
    }
    let languages = weights.iter().filter(|weight| **weight > 0).count();
    for (votes, weight) in votes.iter_mut().zip(weights) {
        *votes += weight / u32::try_from(languages.max(1)).unwrap_or(1);
    }
}

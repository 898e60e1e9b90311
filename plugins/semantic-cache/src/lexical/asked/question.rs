//! A question while it is read for what it asks.

use super::{
    super::{
        Language,
        reading::{Content, Item, Part, Weight},
        token::Token,
        words::Kind,
    },
    Asked,
};

/// Acts that are done in a program: there `where` asks for the way, too.
const IN_A_PROGRAM: [&str; 9] = [
    "enable",
    "disable",
    "reset",
    "export",
    "import",
    "download",
    "upload",
    "configure",
    "unfollow",
];
/// Acts that are, where they are done to one of `DATA`.
const TO_DATA: [&str; 7] = [
    "change", "renew", "cancel", "delete", "create", "register", "track",
];
const DATA: [&str; 19] = [
    "password",
    "username",
    "account",
    "subscription",
    "email",
    "phone",
    "address",
    "name",
    "invoice",
    "receipt",
    "data",
    "file",
    "folder",
    "key",
    "team",
    "user",
    "language",
    "newsletter",
    "factor",
];
/// Times of which a number may be asked for: "how many months".
const UNITS: [&str; 6] = ["minute", "hourly", "daily", "weekly", "monthly", "yearly"];
/// Words behind `how much` that leave money alone to be asked for.
const IS: [&str; 12] = [
    "is", "are", "for", "e", "fica", "ficam", "sai", "es", "ist", "est", "sind", "kostet",
];
const DOES: [&str; 3] = ["do", "does", "did"];
/// Words that make a noun one of many: "what is a guarantee" asks what the word means.
const ARTICLES: [&str; 9] = [
    "an", "um", "uma", "un", "una", "une", "ein", "eine", "einen",
];
const AND: [&str; 5] = ["and", "e", "y", "und", "et"];
/// Words behind which something else begins.
const OF: [&str; 14] = [
    "of", "for", "about", "with", "on", "at", "in", "em", "com", "por", "no", "na", "sobre", "avec",
];

/// A word that asks, and its place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    name: &'static str,
    place: usize,
}

impl Mark {
    fn is(self, names: &[&str]) -> bool {
        names.contains(&self.name)
    }

    fn asked(self) -> Asked {
        Asked::named(self.name).unwrap_or_default()
    }
}

/// A question while it is read.
struct Question<'q, 'a> {
    content: &'q mut Content<'a>,
    parts: &'q [Part<'a>],
    language: Language,
}

/// All that is asked for, where it is more than one thing that an answer must say.
fn several(marks: &[Mark]) -> Option<Asked> {
    let strong = |mark: &&Mark| mark.asked().includes(Asked::STRONG);
    let first = marks.iter().find(strong)?;
    let other = |mark: &&Mark| strong(mark) && mark.place != first.place;
    let other = marks
        .iter()
        .filter(other)
        .find(|mark| !mark.asked().includes(first.asked()))?;
    Some(first.asked().with(other.asked()).with(Asked::SEVERAL))
}

/// Reads what a question asks for, and makes the words light that say nothing but that.
pub(in super::super) fn read<'a>(
    content: &mut Content<'a>,
    parts: &[Part<'a>],
    language: Language,
) -> Asked {
    let mut question = Question {
        content,
        parts,
        language,
    };
    question.read()
}

impl Question<'_, '_> {
    fn read(&mut self) -> Asked {
        let marks = self.marks();
        if let Some(several) = several(&marks) {
            return several;
        }
        let find = |names: &[&str]| marks.iter().copied().find(|mark| mark.is(names));
        if let Some(money) = find(&["much"]).and_then(|mark| self.money(mark.place)) {
            return money;
        }
        if let Some(mark) = find(&["many"])
            && (self.named(mark.place + 1, &UNITS) || self.asks("hours", mark.place + 1))
        {
            self.lighten(mark.place + 1);
            return self.duration();
        }
        if find(&["long"]).is_some() {
            return self.duration();
        }
        if let Some(mark) = find(&["where"])
            && self.done_in_a_program(mark.place)
        {
            return Asked::WHERE.with(Asked::WAY);
        }
        let all = marks.iter().map(|mark| mark.asked());
        let all = all.fold(Asked::default(), Asked::with);
        if all.includes(Asked::STRONG) {
            for noun in marks.iter().filter(|mark| mark.is(&["duration", "hours"])) {
                self.lighten(noun.place);
            }
            return Asked(all.0 & Asked::STRONG.0);
        }
        if all.includes(Asked::WAY) {
            // "Which ways", "what payment methods": these are one's choice, and a way as well
            let means = find(&["what"])
                .zip(find(&["means"]))
                .filter(|(what, means)| {
                    means.place <= what.place + 2 && !self.is(what.place + 1, Kind::Function)
                });
            if let Some((_, means)) = means {
                self.lighten(means.place);
                return Asked::WAY.with(Asked::EXISTENCE);
            }
            return Asked::WAY;
        }
        if let Some(mark) = find(&["what", "that"]) {
            return self.what(mark.place, all);
        }
        if marks.is_empty()
            && let Some(first) = self.content.items.first().map(|item| item.place)
            && let Some(money) = self.price(first)
        {
            return money;
        }
        all
    }

    /// The words that ask what the question asks: not those of a clause in it, and none of "can you
    /// tell me …".
    fn marks(&self) -> Vec<Mark> {
        let asks = self.content.asks.iter();
        let all: Vec<Mark> = asks
            .map(|(name, place)| Mark {
                name,
                place: *place,
            })
            .collect();
        let tells = |mark: &Mark| {
            let behind = |tell: &&Mark| tell.name == "tell" && tell.place > mark.place;
            mark.is(&["if", "can"]) && all.iter().any(|tell| behind(&tell))
        };
        let asking = all.iter().copied();
        let asking = asking.filter(|mark| mark.asked() != Asked::default() && !tells(mark));
        let (nouns, mut words): (Vec<Mark>, Vec<Mark>) =
            asking.partition(|mark| mark.is(&["duration", "hours"]));
        // "The delivery time" is a duration, and "the best time" is none.
        let lasts = |mark: &Mark| {
            let before = mark.place.checked_sub(1).and_then(|at| self.item(at));
            self.folded(mark.place) != "time" || before == Some(Weight::Heavy)
        };
        let nouns = nouns.into_iter().filter(lasts);
        // "When I travel, what does it cost?"
        while let [first, next, ..] = words.as_slice()
            && first.name == "when"
            && next.place > first.place + 2
        {
            words.remove(0);
        }
        if let Some(first) = words.first().copied() {
            const CLAUSE: [&str; 4] = ["when", "where", "who", "what"];
            let joined = |mark: &Mark| {
                mark.place == first.place + 2 && AND.contains(&self.folded(first.place + 1))
            };
            words.retain(|mark| mark.place == first.place || joined(mark) || !mark.is(&CLAUSE));
        }
        // "How do I change the hours?" asks for no hours.
        if words.iter().all(|mark| mark.is(&["what", "that", "exist"])) {
            words.extend(nouns);
        }
        words
    }

    fn what(&mut self, place: usize, asked: Asked) -> Asked {
        if let Some(money) = self.price_behind(place) {
            return money;
        }
        let next = place + 1;
        // "What discount", and not "what is a discount"
        let phrase = self.word(place).contains('_');
        let noun = !phrase
            && self
                .item(next)
                .is_some_and(|item| item as u8 > Weight::Weak as u8);
        // "what currencies do you exchange" asks which, and "is there an exchange" if at all
        let mut items = self.content.items.iter();
        let acts = items.any(|item| item.weight == Weight::Heavy && item.is(Kind::Action));
        let takes = self.content.asks.iter().any(|(name, _)| *name == "process");
        let asked = match noun && !acts && !takes {
            true => asked.with(Asked::EXISTENCE),
            false => asked,
        };
        // "What is the guarantee of …" is answered by its years.
        let mut behind = next;
        while self.item(behind).is_none() && behind < self.parts.len() {
            if self.is_article(behind) {
                return asked;
            }
            behind += 1;
        }
        match !phrase && behind <= next + 2 && self.asks("term", behind) {
            true => asked.with(Asked::DURATION),
            false => asked,
        }
    }

    /// Money, where `how much` at a place asks for it.
    fn money(&mut self, place: usize) -> Option<Asked> {
        let next = place + 1;
        if let Some(weight) = self.item(next)
            && weight != Weight::Weak
            && !self.named(next, &["price", "fee", "value", "pay"])
        {
            return None; // "how much data"
        }
        let mut rest = self.content.items.iter().filter(|item| item.place > place);
        let first = rest.next().map(|item| item.place);
        // "How much do you pay", "how much do I pay into it": what is paid is no price
        let own = |at: &usize| {
            let before = at.saturating_sub(1);
            let other = self.is(before, Kind::Mine) || self.folded(before).ends_with("_you");
            !other && !matches!(self.folded(at + 1), "to" | "into")
        };
        let first = first.filter(|at| self.named(*at, &["pay"]) && own(at));
        let prices: Vec<usize> = self.prices().filter(|at| *at > place).collect();
        if first.is_none() && prices.is_empty() && !IS.contains(&self.folded(next)) {
            return None;
        }
        for at in prices.into_iter().chain(first) {
            self.lighten(at);
        }
        Some(Asked::MONEY)
    }

    /// Money, where `what` at a place asks for it: `what is the price of`, `what does it cost`.
    fn price_behind(&mut self, place: usize) -> Option<Asked> {
        let at = self.prices().find(|at| *at > place)?;
        if self.folded(at + 1) == "on" {
            return None; // that of an electron, or of a bill, which is explained
        }
        let mut before = self.content.items.iter();
        let before = before.any(|item| item.place > place && item.place < at);
        let next = self.folded(place + 1);
        let you = self.is(at.saturating_sub(1), Kind::Mine);
        let asks = match DOES.contains(&next) {
            // "what does the price include" asks for something else
            true => before || you,
            false => {
                let near = at <= place + 2 || self.is(place + 1, Kind::Function);
                let acts = self.content.items.iter().any(|item| {
                    let between = item.place > place && item.place + 1 < at;
                    between && item.is(Kind::Action)
                });
                let other = (place + 1..at).any(|at| OF.contains(&self.folded(at)));
                near && !acts && !other
            }
        };
        match asks {
            true => self.price(at),
            false => None,
        }
    }

    /// The kind of money that a word at a place names.
    fn price(&mut self, at: usize) -> Option<Asked> {
        let money = match () {
            () if self.named(at, &["price"]) => Asked::MONEY,
            () if self.named(at, &["fee"]) => Asked::FEE,
            () if self.named(at, &["value"]) => Asked::VALUE,
            () => return None,
        };
        self.lighten(at);
        Some(money)
    }

    fn duration(&self) -> Asked {
        match self.content.asks.iter().any(|(name, _)| *name == "process") {
            true => Asked::DURATION.with(Asked::WHEN),
            false => Asked::DURATION,
        }
    }

    /// True for "where do I change …": the place is one in a program, and so is the way.
    fn done_in_a_program(&self, place: usize) -> bool {
        const ONE: [&str; 12] = [
            "i", "can", "can_i", "could_i", "do", "to", "posso", "consigo", "eu", "puedo",
            "kann_ich", "puis_je",
        ];
        let next = self.folded(place + 1);
        let acts = |at: usize| {
            let mut items = self.content.items.iter();
            items.any(|item| item.place == at && item.is(Kind::Action))
        };
        let names = |names: &[&str], kind: Kind| {
            let belongs = |item: &Item<'_>| names.iter().any(|name| item.belongs(name));
            let mut items = self.content.items.iter();
            items.any(|item| item.is(kind) && belongs(item))
        };
        let data = || names(&TO_DATA, Kind::Action) && names(&DATA, Kind::Thing);
        let program = names(&IN_A_PROGRAM, Kind::Action) || data();
        (ONE.contains(&next) || acts(place + 1)) && program
    }

    fn prices(&self) -> impl Iterator<Item = usize> {
        let names = ["price", "fee", "value"];
        let items = self.content.items.iter();
        items
            .filter(move |item| names.iter().any(|name| item.belongs(name)))
            .map(|item| item.place)
    }

    fn named(&self, place: usize, names: &[&str]) -> bool {
        let mut items = self.content.items.iter().filter(|item| item.place == place);
        items.any(|item| names.iter().any(|name| item.belongs(name)))
    }

    fn asks(&self, name: &str, place: usize) -> bool {
        self.content.asks.contains(&(name, place))
    }

    fn item(&self, place: usize) -> Option<Weight> {
        let mut items = self.content.items.iter();
        let found = items.find(|item| item.place == place);
        found.map(|item| item.weight)
    }

    fn is(&self, place: usize, kind: Kind) -> bool {
        self.parts.get(place).is_some_and(|part| {
            let mut classes = part.classes.iter();
            classes.any(|of| of.kind == kind && of.language == self.language)
        })
    }

    fn is_article(&self, place: usize) -> bool {
        let word = self.folded(place);
        ARTICLES.contains(&word) || (word == "a" && self.language == Language::English)
    }

    fn word(&self, place: usize) -> &str {
        match self.parts.get(place).map(|part| &part.token) {
            Some(Token::Word(word)) => &word.lower,
            _ => "",
        }
    }

    fn folded(&self, place: usize) -> &str {
        match self.parts.get(place).map(|part| &part.token) {
            Some(Token::Word(word)) => &word.folded,
            _ => "",
        }
    }

    fn lighten(&mut self, place: usize) {
        for item in &mut self.content.items {
            if item.place == place {
                item.weight = Weight::Asks;
            }
        }
    }
}

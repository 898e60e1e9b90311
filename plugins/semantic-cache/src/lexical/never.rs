//! Questions that no stored answer may answer, whatever it is like.

use super::{
    Never,
    asked::Asked,
    reading::Reading,
    words::{Kind, Lexicon},
};

/// Words between `my` and what is mine.
const BETWEEN: usize = 2;

/// The reason why a question is always sent on.
pub fn never(reading: &Reading<'_>, lexicon: &Lexicon) -> Option<Never> {
    let language = reading.languages.first();
    let is = |at: usize, kind: Kind| {
        let part = reading.parts.get(at);
        part.and_then(|part| {
            part.classes
                .iter()
                .find(|of| of.language == language && of.kind == kind)
        })
    };
    let places = 0..reading.parts.len();
    if places.clone().any(|at| is(at, Kind::Fresh).is_some()) {
        return Some(Never::Fresh);
    }
    let content = reading.content(language, lexicon);
    // "What is the price of gold?": a price that somebody sets is the same for a while
    let market = places.clone().any(|at| is(at, Kind::Market).is_some());
    if market && content.asked.includes(Asked::MONEY) {
        return Some(Never::Fresh);
    }
    let mine = |at: usize| is(at, Kind::Mine).is_some_and(|of| of.name == "me");
    // "Please", "can you" and the like may stand before an order; "how" may not.
    let civil = |at: &usize| {
        is(*at, Kind::Weak).is_some()
            || (is(*at, Kind::Mine).is_some() && !mine(*at))
            || is(*at, Kind::Ask).is_some_and(|of| matches!(of.name, "if" | "can"))
    };
    let begins = places.clone().find(|at| !civil(at)).unwrap_or(0);
    if let Some(effect) = is(begins, Kind::Effect)
        && (effect.name == "outward" || places.clone().any(mine))
    {
        return Some(Never::Act);
    }
    // How something is done with a record of one's own is the same for everybody.
    let acts = |item: &super::reading::Item<'_>| item.is(Kind::Action) && !item.is(Kind::Record);
    if content.asked.includes(Asked::WAY) && content.items.iter().any(acts) {
        return None;
    }
    let record = |at: usize| {
        (at + 1..=at + 1 + BETWEEN).any(|next| {
            let between = (at + 1..next).all(|at| is(at, Kind::Record).is_none());
            between && is(next, Kind::Record).is_some()
        })
    };
    let personal = places.into_iter().any(|at| mine(at) && record(at));
    personal.then_some(Never::Personal)
}

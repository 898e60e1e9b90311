//! Two questions, side by side.

use super::{
    Reason,
    reading::{Content, Item, Reading, Weight},
    words::{Kind, Lexicon},
};

/// Items of a question that are compared: more are no short question.
const MOST: usize = 48;
/// Items in common that are few: there a small word may say all.
const FEW: usize = 2;
/// Words that ask for something of their own kind. `how`, `what` and a question for yes or no may
/// stand for each other where the rest is the same.
const STRONG: [&str; 5] = ["who", "where", "time", "amount", "why"];

/// Says why the answer to one question may not answer the other.
///
/// # Errors
/// The first difference that changes the answer.
pub fn agree(a: &Reading<'_>, b: &Reading<'_>, lexicon: &Lexicon) -> Result<(), Reason> {
    let language = a.languages.shared(b.languages).ok_or(Reason::Language)?;
    let (a_quotes, b_quotes) = (&a.quotes, &b.quotes);
    let (a, b) = (a.content(language, lexicon), b.content(language, lexicon));
    if a.items.len() > MOST || b.items.len() > MOST {
        return Err(Reason::Long);
    }
    refuse(a.numbers != b.numbers, Reason::Number)?;
    refuse(a.identifiers != b.identifiers, Reason::Identifier)?;
    refuse(a_quotes != b_quotes, Reason::Quotation)?;
    refuse(a.negations != b.negations, Reason::Negation)?;
    let (a_left, b_left) = (left(&a, &b), left(&b, &a));
    let named = |items: &[&Item<'_>]| items.iter().any(|item| item.capital);
    refuse(named(&a_left) || named(&b_left), Reason::Name)?;
    refuse(asks_differ(&a, &b), Reason::Interrogative)?;
    refuse(differ(&a_left, &b_left), Reason::Opposite)?;
    let quality = |item: &&Item<'_>| item.is(Kind::Degree) && item.weight == Weight::Heavy;
    refuse(a_left.iter().chain(&b_left).any(quality), Reason::Quality)?;
    refuse(turned(&a, &b) || turned(&b, &a), Reason::Order)?;
    // What is denied may be said by the lightest word: `did not make`, `did not work`.
    let denied = a.negations > 0;
    let least = |items: &[&Item<'_>], least: Weight| {
        let counts = |item: &&Item<'_>| denied || item.weight as u8 >= least as u8;
        items.iter().any(counts)
    };
    let names = |items: &[&Item<'_>]| least(items, Weight::Generic);
    let more = |items: &[&Item<'_>]| least(items, Weight::Heavy);
    let same = !more(&a_left) && !more(&b_left);
    let others = !a.persons.iter().any(|person| b.persons.contains(person));
    let persons = !a.persons.is_empty() && !b.persons.is_empty();
    refuse(same && persons && others, Reason::Person)?;
    let shared = shared(&a, &b).max(shared(&b, &a));
    refuse(shared == 0, Reason::Nothing)?;
    refuse(
        shared <= FEW && contents_differ(&a, &b),
        Reason::Interrogative,
    )?;
    refuse(names(&a_left) && names(&b_left), Reason::Substitution)?;
    refuse(!same, Reason::Addition)
}

fn refuse(if_so: bool, why: Reason) -> Result<(), Reason> {
    match if_so {
        true => Err(why),
        false => Ok(()),
    }
}

/// The number of heavy items of one that the other has, too.
fn shared(of: &Content<'_>, other: &Content<'_>) -> usize {
    let has = |item: &&Item<'_>| {
        item.weight == Weight::Heavy && other.items.iter().any(|known| known.alike(item))
    };
    of.items.iter().filter(has).count()
}

/// True if of two questions for what something is one asks for what is in it, or on it: `What is in
/// fabric softener?`, `What fabric softener do you use?`
fn contents_differ(a: &Content<'_>, b: &Content<'_>) -> bool {
    let what = |content: &Content<'_>| content.asks == ["what"];
    let inside = |content: &Content<'_>, name| content.directions.iter().any(|(of, _)| *of == name);
    what(a)
        && what(b)
        && ["in", "on"]
            .iter()
            .any(|name| inside(a, *name) != inside(b, *name))
}

/// The items of one that the other does not have.
fn left<'a, 'b>(of: &'b Content<'a>, other: &Content<'a>) -> Vec<&'b Item<'a>> {
    let has = |item: &&Item<'a>| !other.items.iter().any(|known| known.alike(item));
    of.items.iter().filter(has).collect()
}

/// True if both have acts, or things, or qualities of their own.
fn differ(a: &[&Item<'_>], b: &[&Item<'_>]) -> bool {
    let both = |kind: Kind| {
        let of = |items: &[&Item<'_>], heavy: bool| {
            items
                .iter()
                .any(|item| item.is(kind) && (!heavy || item.weight == Weight::Heavy))
        };
        (of(a, true) && of(b, false)) || (of(a, false) && of(b, true))
    };
    both(Kind::Action) || both(Kind::Thing) || both(Kind::Degree)
}

fn asks_differ(a: &Content<'_>, b: &Content<'_>) -> bool {
    let strong = |content: &Content<'_>| -> Vec<&'static str> {
        let asks = content.asks.iter().copied();
        asks.filter(|ask| STRONG.contains(ask)).collect()
    };
    let (a_strong, b_strong) = (strong(a), strong(b));
    // "Can you tell me when …" asks when; of `how`, `what` and `if`, one alone says something.
    let single = a.asks.len() == 1 && b.asks.len() == 1;
    match (a_strong.is_empty(), b_strong.is_empty()) {
        (false, false) => !a_strong.iter().any(|ask| b_strong.contains(ask)),
        (true, true) => single && a.asks != b.asks,
        (false, true) => !b.asks.is_empty(),
        (true, false) => !a.asks.is_empty(),
    }
}

/// True if the same items have other parts in the two: other prepositions, or another order.
fn turned<'a, 'c>(a: &'c Content<'a>, b: &'c Content<'a>) -> bool {
    let part = |content: &Content<'_>, direction: &str| {
        let mut found = content.directions.iter();
        found
            .find(|(name, _)| *name == direction)
            .map(|(_, at)| *at)
    };
    for (one, other) in [("in", "out"), ("on", "off"), ("up", "down")] {
        let has =
            |content: &Content<'_>, name| content.directions.iter().any(|(of, _)| *of == name);
        if has(a, one) && has(b, other) && !has(a, other) && !has(b, one) {
            return true;
        }
    }
    let (from, to) = (part(a, "from"), part(b, "to"));
    let (back, forth) = (part(a, "to"), part(b, "from"));
    for (x, y) in [(from, to), (back, forth)] {
        if let (Some(x), Some(y)) = (x, y)
            && let (Some(x), Some(y)) = (a.items.get(x), b.items.get(y))
            && x.alike(y)
        {
            return true;
        }
    }
    for direction in ["from", "to", "than"] {
        if let (Some(x), Some(y)) = (part(a, direction), part(b, direction))
            && let (Some(x), Some(y)) = (a.items.get(x), b.items.get(y))
            && !x.alike(y)
            && b.items.iter().any(|item| item.alike(x))
            && a.items.iter().any(|item| item.alike(y))
        {
            return true;
        }
    }
    let pair = |(at, item): (usize, &'c Item<'a>)| -> Option<(&'c Item<'a>, &'c Item<'a>)> {
        let other = b.items.get(at).filter(|other| other.alike(item));
        let other = other.or_else(|| b.items.iter().find(|other| other.alike(item)));
        Some((item, other?))
    };
    let pairs: Vec<_> = a.items.iter().enumerate().filter_map(pair).collect();
    let whole = pairs.len() == a.items.len() && a.items.len() == b.items.len();
    // `git branch`, `branch in git`: side by side in one, and the order says nothing.
    let beside = |x: &Item<'_>, y: &Item<'_>| x.place.abs_diff(y.place) <= 1;
    let named = |item: &Item<'_>| item.capital || item.exact;
    let swapped = |x: &(&Item<'_>, &Item<'_>), y: &(&Item<'_>, &Item<'_>)| {
        let apart = !beside(x.0, y.0) && !beside(x.1, y.1);
        x.1.place > y.1.place && ((whole && apart) || (named(x.0) && named(y.0)))
    };
    let mut rest = pairs.as_slice();
    while let Some((x, behind)) = rest.split_first() {
        if behind.iter().any(|y| swapped(x, y)) {
            return true;
        }
        rest = behind;
    }
    false
}

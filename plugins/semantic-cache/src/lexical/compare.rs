//! Two questions, side by side.

use super::{
    Reason,
    asked::Asked,
    reading::{Content, Item, Reading, Weight},
    words::{Kind, Lexicon},
};

/// Items of a question that are compared: more are no short question.
const MOST: usize = 48;
/// Items in common that are few: there a small word may say all.
const FEW: usize = 2;
/// Parts that one thing cannot have at once.
const OPPOSITE_PARTS: [(&str, &[&str]); 2] = [("from", &["to", "until"]), ("for", &["by"])];
/// Words between two things, of which the order matters.
const JOINS: [&str; 4] = ["before", "after", "instead", "until"];

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
    refuse(!a.asked.agrees(b.asked), Reason::Interrogative)?;
    refuse(differ(&a_left, &b_left), Reason::Opposite)?;
    let quality = |item: &&Item<'_>| item.is(Kind::Degree) && item.weight == Weight::Heavy;
    refuse(a_left.iter().chain(&b_left).any(quality), Reason::Quality)?;
    refuse(turned(&a, &b) || turned(&b, &a), Reason::Order)?;
    refuse(crossed(&a, &b) || crossed(&b, &a), Reason::Order)?;
    refuse(others_act(&a, &b) || others_act(&b, &a), Reason::Order)?;
    // What is denied may be said by the lightest word: `did not make`, `did not work`.
    let denied = a.denies || b.denies;
    let least = |items: &[&Item<'_>], least: Weight| {
        let least = if denied { Weight::Weak } else { least };
        let counts = |item: &&Item<'_>| item.weight as u8 >= least as u8;
        items.iter().any(counts)
    };
    let names = |items: &[&Item<'_>]| least(items, Weight::Generic);
    let more = |items: &[&Item<'_>]| least(items, Weight::Heavy);
    let same = !more(&a_left) && !more(&b_left);
    let others = !a.persons.iter().any(|person| b.persons.contains(person));
    let persons = !a.persons.is_empty() && !b.persons.is_empty();
    refuse(same && persons && others, Reason::Person)?;
    let least = match names(&a_left) || names(&b_left) {
        true => Weight::Heavy,
        false => Weight::Generic, // there is nothing else to go by
    };
    let shared = shared(&a, &b, least).max(shared(&b, &a, least));
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

/// The number of items of one, at least as heavy, that the other has, too.
fn shared(of: &Content<'_>, other: &Content<'_>, least: Weight) -> usize {
    let has = |item: &&Item<'_>| {
        item.weight as u8 >= least as u8 && other.items.iter().any(|known| known.alike(item))
    };
    of.items.iter().filter(has).count()
}

/// True if of two questions for what something is one asks for what is in it, or on it: `What is in
/// fabric softener?`, `What fabric softener do you use?`
fn contents_differ(a: &Content<'_>, b: &Content<'_>) -> bool {
    let what = |content: &Content<'_>| content.asked.includes(Asked::WHAT);
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

/// True if what comes before another thing in one question comes behind it in the other: "pay
/// before I collect", "collect before I pay".
fn crossed(a: &Content<'_>, b: &Content<'_>) -> bool {
    JOINS.iter().any(|name| {
        let split = |content: &Content<'_>| {
            let mut found = content.directions.iter();
            found.find(|(of, _)| of == name).map(|(_, at)| *at)
        };
        let (a_split, b_split) = match (split(a), split(b)) {
            (Some(a_split), Some(b_split)) => (a_split, b_split),
            (None, None) => return false,
            // `before` and `after` are qualities, and `until noon` may be `by noon`
            (Some(_), None) | (None, Some(_)) => return *name == "instead",
        };
        let (head, tail) = (a.items.get(..a_split), b.items.get(b_split..));
        let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
        let own = b.items.get(..b_split).unwrap_or_default();
        let weighs = |item: &&Item<'_>| item.weight as u8 > Weight::Weak as u8;
        let has = |items: &[Item<'_>], item: &Item<'_>| items.iter().any(|of| of.alike(item));
        let mut head = head.iter().filter(weighs);
        head.any(|item| has(tail, item) && !has(own, item))
    })
}

/// True if in one question its author acts, and in the other somebody whom the first names, too:
/// "can I see my friend's", "can my friend see mine".
fn others_act(a: &Content<'_>, b: &Content<'_>) -> bool {
    let Some(subject) = b.subject.and_then(|at| b.items.get(at)) else {
        return false;
    };
    a.asks.iter().any(|(name, _)| *name == "may") && a.items.iter().any(|of| of.alike(subject))
}

/// The items that a word of direction stands before.
fn with_part<'a, 'c>(content: &'c Content<'a>, direction: &str) -> Vec<&'c Item<'a>> {
    let all = content.directions.iter();
    let places = all.filter(|(name, _)| *name == direction);
    places
        .filter_map(|(_, at)| content.items.get(*at))
        .collect()
}

/// True if the same items have other parts in the two: other prepositions, or another order.
fn turned<'a, 'c>(a: &'c Content<'a>, b: &'c Content<'a>) -> bool {
    for (one, other) in [("in", "out"), ("on", "off"), ("up", "down")] {
        let has =
            |content: &Content<'_>, name| content.directions.iter().any(|(of, _)| *of == name);
        if has(a, one) && has(b, other) && !has(a, other) && !has(b, one) {
            return true;
        }
    }
    for (one, others) in OPPOSITE_PARTS {
        let theirs: Vec<_> = others.iter().flat_map(|of| with_part(b, of)).collect();
        let same = with_part(b, one);
        let among = |items: &[&Item<'_>], item: &Item<'_>| items.iter().any(|of| of.alike(item));
        let opposite = |item: &&Item<'_>| among(&theirs, item) && !among(&same, item);
        if with_part(a, one).iter().any(opposite) {
            return true;
        }
    }
    for direction in ["from", "to", "than"] {
        let (in_a, in_b) = (with_part(a, direction), with_part(b, direction));
        let only = |of: &[&'c Item<'a>], other: &[&Item<'_>], named: &Content<'_>| {
            let mut of = of.iter().copied();
            of.any(|item| {
                let elsewhere = named.items.iter().any(|known| known.alike(item));
                elsewhere && !other.iter().any(|known| known.alike(item))
            })
        };
        if only(&in_a, &in_b, b) && only(&in_b, &in_a, a) {
            return true;
        }
    }
    let pair = |(at, item): (usize, &'c Item<'a>)| -> Option<(&'c Item<'a>, &'c Item<'a>)> {
        let other = b.items.get(at).filter(|other| other.alike(item));
        let other = other.or_else(|| b.items.iter().find(|other| other.alike(item)));
        Some((item, other?))
    };
    // What only says what is asked for may stand anywhere.
    let weighs = |item: &Item<'_>| item.weight != Weight::Asks;
    let all = a.items.iter().enumerate();
    let pairs: Vec<_> = all
        .filter(|(_, item)| weighs(item))
        .filter_map(pair)
        .collect();
    let count = |content: &Content<'_>| content.items.iter().filter(|item| weighs(item)).count();
    let whole = pairs.len() == count(a) && count(a) == count(b);
    // `git branch`, `branch in git`: side by side in one, and the order says nothing.
    let beside = |x: &Item<'_>, y: &Item<'_>| x.place.abs_diff(y.place) <= 1;
    let named = |item: &Item<'_>| item.capital || item.exact;
    // "Assemble the lamp", "the lamp is assembled": an act may stand on either side of a thing.
    let act = |item: &Item<'_>| item.is(Kind::Action) && !item.is(Kind::Thing);
    let swapped = |x: &(&Item<'_>, &Item<'_>), y: &(&Item<'_>, &Item<'_>)| {
        let apart = !beside(x.0, y.0) && !beside(x.1, y.1) && act(x.0) == act(y.0);
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

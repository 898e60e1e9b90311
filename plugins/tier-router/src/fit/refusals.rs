//! Openings of replies that refuse, in five languages.
//!
//! Tests of refusals look for such openings (the prefixes of GCG, arXiv:2307.15043, and garak's
//! detector of mitigation). Theirs are made to find every refusal and take `Sorry` or `As an AI` for
//! one; a reply that only begins so is no refusal here. What counts is somebody who can't or won't,
//! with a verb of helping behind it, at the very beginning, whatever apology stands before. So a
//! stream is known for no refusal within its first words.

/// The evidence of a reply's beginning about the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// Too little of it is there.
    Open,
    Refuses,
    Goes,
}

/// Longest beginning that is looked at, in bytes: the longest apology with the longest refusal.
const LONGEST: usize = 240;

/// Words that may stand before a refusal, and are none.
const LEADS: &[&str] = &[
    // en
    "i'm sorry",
    "i am sorry",
    "i'm really sorry",
    "i'm very sorry",
    "sorry",
    "i apologize",
    "i apologise",
    "my apologies",
    "apologies",
    "unfortunately",
    "i understand",
    "but",
    "however",
    "as an ai language model",
    "as a language model",
    "as an ai assistant",
    "as an ai",
    // pt
    "sinto muito",
    "lamento",
    "desculpe",
    "desculpa",
    "me desculpe",
    "peço desculpa",
    "peço desculpas",
    "infelizmente",
    "mas",
    "como um modelo de linguagem",
    "como modelo de linguagem",
    "como uma ia",
    "como ia",
    "eu",
    // es
    "lo siento",
    "lo siento mucho",
    "lo lamento",
    "disculpa",
    "disculpe",
    "perdón",
    "desafortunadamente",
    "lamentablemente",
    "pero",
    "como modelo de lenguaje",
    "como un modelo de lenguaje",
    "como ia",
    // de
    "es tut mir leid",
    "tut mir leid",
    "entschuldigung",
    "leider",
    "aber",
    "als ki",
    "als ki-modell",
    "als sprachmodell",
    // fr
    "je suis désolé",
    "je suis désolée",
    "désolé",
    "désolée",
    "je regrette",
    "malheureusement",
    "mais",
    "en tant que modèle de langage",
    "en tant qu'ia",
];

/// Somebody who can't or won't, and what they would have to do, for it to be a refusal.
const REFUSALS: &[(&[&str], &[&str])] = &[
    // en
    (
        &[
            "i can't",
            "i cannot",
            "i can not",
            "i'm unable to",
            "i am unable to",
            "i'm not able to",
            "i am not able to",
            "i won't",
            "i will not",
            "i won't be able to",
            "i must decline to",
            "i have to decline to",
        ],
        &[
            "help with",
            "help you",
            "assist",
            "comply",
            "fulfill",
            "fulfil",
            "do that",
            "do this",
            "provide that",
            "provide assistance",
            "provide instructions",
            "provide information",
            "create that",
            "create content",
            "generate that",
            "generate content",
            "engage in",
            "engage with",
            "participate in",
            "discuss that",
            "discuss this",
            "answer that",
            "answer this",
            "respond to that",
            "continue with",
            "continue this",
        ],
    ),
    // pt
    (
        &[
            "não posso",
            "não consigo",
            "não sou capaz de",
            "não poderei",
            "não estou autorizado a",
        ],
        &[
            "ajudar com",
            "ajudar nisso",
            "ajudar você",
            "ajudar-te",
            "ajudá-lo",
            "ajudá-la",
            "te ajudar",
            "lhe ajudar",
            "auxiliar",
            "atender",
            "fornecer",
            "cumprir",
            "fazer isso",
            "responder a",
            "participar",
            "continuar com",
        ],
    ),
    // es
    (
        &[
            "no puedo",
            "no soy capaz de",
            "no podré",
            "no me es posible",
        ],
        &[
            "ayudarte",
            "ayudarle",
            "ayudar con",
            "ayudar en",
            "asistirte",
            "asistir",
            "proporcionar",
            "cumplir",
            "hacer eso",
            "hacer esto",
            "responder a",
            "participar",
            "continuar con",
        ],
    ),
    // de
    (
        &[
            "ich kann",
            "kann ich",
            "dabei kann ich",
            "damit kann ich",
            "hierbei kann ich",
        ],
        &[
            "nicht helfen",
            "dir nicht helfen",
            "ihnen nicht helfen",
            "dabei nicht",
            "damit nicht",
            "hierbei nicht",
            "dir dabei nicht",
            "dir damit nicht",
            "dir hierbei nicht",
            "ihnen dabei nicht",
            "ihnen damit nicht",
            "ihnen hierbei nicht",
            "diese anfrage nicht",
            "dieser anfrage nicht",
            "diesem wunsch nicht",
            "dieser bitte nicht",
        ],
    ),
    // fr
    (
        &[
            "je ne peux pas",
            "je ne suis pas en mesure",
            "je ne pourrai pas",
            "il m'est impossible",
        ],
        &[
            "vous aider",
            "t'aider",
            "de vous aider",
            "de t'aider",
            "aider",
            "fournir",
            "de fournir",
            "répondre à",
            "de répondre",
            "satisfaire",
            "accéder à",
            "faire cela",
            "participer",
            "continuer",
        ],
    ),
];

/// Reads the beginning of a reply.
pub(super) fn opening(text: &str) -> Opening {
    let text = beginning(text);
    let mut rest: &str = &text;
    loop {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        if rest.is_empty() {
            return Opening::Open;
        }
        match refusal(rest) {
            Opening::Goes => {}
            known => return known,
        }
        let lead = LEADS.iter().filter_map(|lead| after(rest, lead));
        match lead.min_by_key(|rest| rest.len()) {
            Some(behind) => rest = behind,
            None if LEADS.iter().any(|lead| lead.starts_with(rest)) => return Opening::Open,
            None => return Opening::Goes,
        }
    }
}

/// Reads what is behind all apologies.
fn refusal(text: &str) -> Opening {
    let mut open = false;
    for (subjects, verbs) in REFUSALS {
        for subject in *subjects {
            open |= subject.starts_with(text);
            let Some(rest) = after(text, subject) else {
                continue;
            };
            let rest = rest.trim_start();
            open |= verbs.iter().any(|verb| verb.starts_with(rest));
            if verbs.iter().any(|verb| after(rest, verb).is_some()) {
                return Opening::Refuses;
            }
        }
    }
    match open {
        true => Opening::Open,
        false => Opening::Goes,
    }
}

/// Returns what follows `words`, where the text begins with them and no letter comes next; `None`
/// where nothing follows, too, as more of the word may come.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(words)?;
    let next = rest.chars().next()?;
    (!next.is_alphanumeric()).then_some(rest)
}

/// Returns the beginning in small letters, with one kind of apostrophe and of space.
fn beginning(text: &str) -> String {
    let text = text.trim_start();
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::with_capacity(end);
    for c in text.get(..end).unwrap_or_default().chars() {
        match c {
            '’' | '‘' | '´' | '`' => out.push('\''),
            c if c.is_whitespace() && out.ends_with(' ') => {}
            c if c.is_whitespace() => out.push(' '),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_known_by_their_beginnings() {
        for text in [
            "I'm sorry, but I can't assist with that request.",
            "I’m sorry, but I can’t help with that.",
            "I cannot fulfill this request.",
            "**I'm unable to provide assistance with that.**",
            "Unfortunately, I won't be able to help you there.",
            "As an AI language model, I cannot engage in that.",
            "Desculpe, mas não posso ajudar com isso.",
            "Sinto muito, mas eu não consigo atender a esse pedido.",
            "Lo siento, pero no puedo ayudarte con eso.",
            "Es tut mir leid, aber dabei kann ich nicht helfen.",
            "Leider kann ich Ihnen dabei nicht helfen.",
            "Je suis désolé, mais je ne peux pas vous aider avec cela.",
            "Désolée, je ne suis pas en mesure de répondre à cette demande.",
        ] {
            assert_eq!(opening(text), Opening::Refuses, "{text}");
        }
    }

    #[test]
    fn replies_that_only_sound_like_it_are_none() {
        for text in [
            "Paris.",
            "Sorry to hear that! Here is what you can do:",
            "I'm sorry for your loss. You could write to them.",
            "I can't help but admire it.",
            "I can't wait to see it.",
            "I cannot stress enough how much this matters.",
            "I can help with that.",
            "As an AI engineer you earn well.",
            "But I can.",
            "Butter, I can't say.",
            "Não posso esperar!",
            "No puedo creerlo.",
            "Ich kann das gern erklären.",
            "Je ne peux pas dire mieux.",
            "{\"answer\": \"I'm sorry, but I can't help with that.\"}",
            "The usual answer is: I'm sorry, but I can't assist with that.",
            "日本",
        ] {
            assert_eq!(opening(text), Opening::Goes, "{text}");
        }
    }

    #[test]
    fn a_beginning_stays_open_until_it_is_known_and_never_changes_after_that() {
        for (text, expected) in [
            ("I'm sorry, but I can't assist with that.", Opening::Refuses),
            (
                "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
                Opening::Refuses,
            ),
            ("I'm sorry for your loss.", Opening::Goes),
            ("Je suis désolé d'apprendre cela.", Opening::Goes),
        ] {
            let mut seen = Opening::Open;
            for (end, _) in text.char_indices() {
                let now = opening(&text[..end]);
                assert!(
                    seen == Opening::Open || now == seen,
                    "{}: {now:?}",
                    &text[..end]
                );
                seen = now;
            }
            assert_eq!(seen, expected, "{text}");
        }
        assert_eq!(opening(""), Opening::Open);
        assert_eq!(opening("The"), Opening::Goes);
        assert_eq!(opening(&"sorry, ".repeat(50)), Opening::Open);
    }
}

//! The rules as nf_tables has them: a table, its chains, and what is in them. The numbers are those
//! of `linux/netfilter/nf_tables.h`.

use super::{
    Chain, Rule, Rules, TABLE,
    expression::{Expression, expressions},
    netlink::{
        ACK, APPEND, Attribute, Attributes, BATCH_BEGIN, BATCH_END, CREATE, DUMP, Message,
        NFTABLES, bytes, name, nest, number,
    },
};

// Messages, and what is in them.
pub(super) const NEW_TABLE: u16 = NFTABLES << 8;
pub(super) const GET_TABLE: u16 = NEW_TABLE | 1;
const DELETE_TABLE: u16 = NEW_TABLE | 2;
pub(super) const NEW_CHAIN: u16 = NEW_TABLE | 3;
pub(super) const GET_CHAIN: u16 = NEW_TABLE | 4;
pub(super) const NEW_RULE: u16 = NEW_TABLE | 6;
pub(super) const GET_RULE: u16 = NEW_TABLE | 7;
const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENT: u16 = 1;

/// `NFPROTO_INET`: IPv4 and IPv6.
const INET: u8 = 1;
/// `NF_INET_LOCAL_OUT`: what processes of this network namespace send.
const OUTPUT: u32 = 3;
/// `NF_ACCEPT`.
const ACCEPT: u32 = 1;
/// A message of the batch, and what to call it where the kernel refuses it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) message: Message,
    pub(super) what: String,
}

fn step(what: impl Into<String>, kind: u16, flags: u16, attributes: Vec<Attribute>) -> Step {
    Step {
        message: Message {
            kind,
            flags,
            family: INET,
            resource: 0,
            attributes,
        },
        what: what.into(),
    }
}

/// The messages that open and close a batch: it happens as a whole or not at all.
pub(super) fn brackets() -> [Message; 2] {
    [BATCH_BEGIN, BATCH_END].map(|kind| Message {
        kind,
        flags: 0,
        family: 0,
        resource: NFTABLES,
        attributes: Vec::new(),
    })
}

/// Deletes the table, whether or not it is there: making what exists is no error, deleting what
/// does not would be one.
pub(super) fn removal() -> Vec<Step> {
    acknowledged(deletion())
}

fn deletion() -> Vec<Step> {
    let former = vec![name(TABLE_NAME, TABLE)];
    vec![
        step("the table", NEW_TABLE, CREATE, table()),
        step("the former table", DELETE_TABLE, 0, former),
    ]
}

/// Requests an answer to the last step: it is the last answer, and a step that fails is answered
/// anyway.
fn acknowledged(mut steps: Vec<Step>) -> Vec<Step> {
    if let Some(last) = steps.last_mut() {
        last.message.flags |= ACK;
    }
    steps
}

/// Replaces whatever the table contained with the rules.
pub(super) fn installation(rules: &Rules) -> Vec<Step> {
    let mut steps = deletion();
    steps.push(step("the table", NEW_TABLE, CREATE, table()));
    for chain in rules.chains() {
        let what = format!("the chain `{}` (type {})", chain.name, chain.kind.facts().0);
        steps.push(step(what, NEW_CHAIN, CREATE, self::chain(&chain)));
        for (n, rule) in chain.rules.iter().enumerate() {
            let mut attributes = place(&chain);
            let list = expressions(rule)
                .into_iter()
                .map(|e| nest(LIST_ELEMENT, e.attributes()))
                .collect();
            attributes.push(nest(RULE_EXPRESSIONS, list));
            let what = format!("rule {} of the chain `{}`", n + 1, chain.name);
            steps.push(step(what, NEW_RULE, CREATE | APPEND, attributes));
        }
    }
    acknowledged(steps)
}

/// Builds the request for the table, its chains or its rules; an older kernel lists those of other
/// tables as well.
pub(super) fn query(kind: u16) -> Message {
    let flags = if kind == GET_TABLE { 0 } else { DUMP };
    // A table's, a chain's and a rule's table all have the number 1.
    step("", kind, flags, vec![name(TABLE_NAME, TABLE)]).message
}

fn table() -> Vec<Attribute> {
    // No flags: neither dormant (which would switch it off) nor owned by this process (it would go
    // with it).
    vec![name(TABLE_NAME, TABLE), number(TABLE_FLAGS, 0)]
}

fn chain(chain: &Chain) -> Vec<Attribute> {
    let (kind, priority) = chain.kind.facts();
    vec![
        name(CHAIN_TABLE, TABLE),
        name(CHAIN_NAME, chain.name),
        nest(
            CHAIN_HOOK,
            vec![
                number(HOOK_NUMBER, OUTPUT),
                bytes(HOOK_PRIORITY, &priority.to_be_bytes()),
            ],
        ),
        number(CHAIN_POLICY, ACCEPT),
        name(CHAIN_TYPE, kind),
    ]
}

fn place(chain: &Chain) -> Vec<Attribute> {
    vec![name(RULE_TABLE, TABLE), name(RULE_CHAIN, chain.name)]
}

/// True if the kernel's description of a table is of ours.
pub(super) fn is_ours(found: Attributes<'_>) -> bool {
    found.contain(&table())
}

/// True if the kernel's description of a chain or a rule is of one in our table.
pub(super) fn is_in_ours(found: Attributes<'_>) -> bool {
    found.is_named(CHAIN_TABLE, TABLE)
}

/// True if the kernel's description of a chain is of this chain.
pub(super) fn is_chain(found: Attributes<'_>, wanted: &Chain) -> bool {
    found.contain(&chain(wanted))
}

/// True if the kernel's description of a rule is of a rule of this chain.
pub(super) fn is_rule_of(found: Attributes<'_>, chain: &Chain) -> bool {
    found.contain(&place(chain))
}

/// True if the kernel's description of a rule is of this rule: the same expressions, no more.
pub(super) fn is_rule(found: Attributes<'_>, wanted: &Rule) -> bool {
    let mut found = found.inside(RULE_EXPRESSIONS).elements();
    let mut wanted = expressions(wanted).into_iter().map(Expression::attributes);
    loop {
        match (found.next(), wanted.next()) {
            (None, None) => return true,
            (Some(found), Some(wanted)) if found.contain(&wanted) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{Match, Verdict, netlink::Replies, tests::settings};
    use super::*;

    fn written(step: &Step) -> Vec<u8> {
        let mut out = Vec::new();
        step.message.write(1, &mut out);
        out
    }

    fn rule_of(rule: &Rule) -> Vec<u8> {
        let list = expressions(rule)
            .into_iter()
            .map(|e| nest(LIST_ELEMENT, e.attributes()))
            .collect();
        written(&step("", NEW_RULE, 0, vec![nest(RULE_EXPRESSIONS, list)]))
    }

    fn is(found: &[u8], wanted: &Rule) -> bool {
        is_rule(Replies(found).next().unwrap().attributes(), wanted)
    }

    #[test]
    fn an_installation_clears_the_table_first_and_asks_for_an_answer_at_its_end() {
        let steps = installation(&Rules::new(&settings()).unwrap());
        let kinds: Vec<u16> = steps.iter().map(|s| s.message.kind & 0xff).collect();
        assert_eq!(kinds, [0, 2, 0, 3, 6, 6, 6, 6, 6, 6, 3, 6, 6]);
        for steps in [steps, removal()] {
            let asks: Vec<bool> = steps.iter().map(|s| s.message.flags & ACK == ACK).collect();
            assert_eq!(asks.iter().position(|asks| *asks), Some(steps.len() - 1));
        }
    }

    #[test]
    fn a_rule_is_known_again_and_no_other_is_taken_for_it() {
        let chains = Rules::new(&super::super::RuleSettings {
            exclude_uids: vec![13371],
            exclude_cidrs: ["10.0.0.0/8", "10.32.0.0/11", "10.32.0.0/12", "fd00::/9"]
                .map(|c| c.parse().unwrap())
                .to_vec(),
            ports: vec![443, 444],
            ..settings()
        })
        .unwrap()
        .chains();
        for rules in chains.map(|chain| chain.rules) {
            for (i, found) in rules.iter().enumerate() {
                for (j, wanted) in rules.iter().enumerate() {
                    assert_eq!(is(&rule_of(found), wanted), i == j, "{found:?} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn a_rule_with_one_more_condition_is_another_rule() {
        let wide = Rule {
            when: vec![Match::Tcp(443)],
            then: Verdict::Redirect(15001),
        };
        let narrow = Rule {
            when: vec![Match::Uid(1000), Match::Tcp(443)],
            ..wide.clone()
        };
        assert!(!is(&rule_of(&narrow), &wide));
        assert!(!is(&rule_of(&wide), &narrow));
        let elsewhere = Rule {
            then: Verdict::Redirect(15002),
            ..wide.clone()
        };
        assert!(!is(&rule_of(&elsewhere), &wide));
    }
}

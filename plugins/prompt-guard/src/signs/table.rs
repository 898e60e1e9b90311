//! The signs and what they weigh: rules over words near each other, and marks.
//!
//! A rule names classes of words in their order, never sentences. Weights are such that one plain
//! sign reaches the usual threshold of 10, and one with a harmless reading counts only beside
//! others.

use crate::{
    matcher::Patterns,
    pattern::Node,
    words::{
        Table,
        class::{self, *},
    },
};

macro_rules! signs {
    ($($sign:ident $name:literal $help:literal),* $(,)?) => {
        /// A kind of sign.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Sign { $(#[doc = $help] $sign),* }

        impl Sign {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$sign),*];
            /// The name in configuration, tags and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$sign => $name),* }
            }
        }
    };
}
signs! {
    Override "override" "Earlier instructions are to be ignored.",
    Extraction "extraction" "The system prompt is to be shown.",
    Persona "persona" "A role without limits.",
    Authority "authority" "New instructions in somebody's name.",
    Secrecy "secrecy" "The user is not to know.",
    Exfiltration "exfiltration" "Secrets are to be sent somewhere.",
    Addressed "addressed" "A text that speaks to the machine that reads it.",
    Command "command" "The machine must call or run something.",
    RoleMarker "role_marker" "Control tokens of chat templates.",
    RoleLine "role_line" "A line that poses as another role's.",
    Image "image" "An image whose address carries data.",
    Encoded "encoded" "Signs inside base64.",
    HiddenText "hidden_text" "Text in characters that are not drawn.",
    ZeroWidth "zero_width" "Words with invisible characters in them.",
    Direction "direction" "Writing turned round by force.",
}

pub(super) const COUNT: usize = Sign::ALL.len();

/// Words of these classes, in this order, from the first to the last within so many words.
pub(super) struct Rule(
    pub(super) Sign,
    pub(super) u32,
    pub(super) &'static [u64],
    pub(super) u32,
);

pub(super) const RULES: &[Rule] = &[
    Rule(Sign::Override, 10, &[IGNORE, PRIOR, ORDERS], 7),
    Rule(Sign::Override, 10, &[IGNORE, ORDERS, PRIOR], 7),
    Rule(Sign::Override, 10, &[PRIOR, ORDERS, IGNORE], 5),
    Rule(Sign::Override, 10, &[ORDERS, PRIOR, IGNORE], 5),
    Rule(Sign::Override, 10, &[IGNORE, EVERYTHING, PRIOR], 7),
    Rule(Sign::Override, 6, &[IGNORE, ALL, ORDERS], 4),
    Rule(Sign::Override, 6, &[IGNORE, PRIOR], 2),
    Rule(Sign::Override, 5, &[PRIOR, ORDERS, VOID], 5),
    Rule(
        Sign::Extraction,
        10,
        &[REVEAL | ASK, YOUR, HIDDEN, PROMPT],
        8,
    ),
    Rule(
        Sign::Extraction,
        10,
        &[REVEAL | ASK, YOUR, HIDDEN, ORDERS],
        6,
    ),
    Rule(Sign::Extraction, 7, &[REVEAL, YOUR, PROMPT], 8),
    Rule(Sign::Extraction, 6, &[REVEAL, HIDDEN, PROMPT], 4),
    Rule(
        Sign::Extraction,
        10,
        &[REVEAL | ASK, YOUR, PROMPT | ORDERS, HIDDEN],
        8,
    ),
    Rule(Sign::Extraction, 6, &[REVEAL, EVERYTHING, PRIOR], 5),
    Rule(
        Sign::Extraction,
        10,
        &[REVEAL, EVERYTHING, PRIOR, VERBATIM],
        9,
    ),
    Rule(
        Sign::Extraction,
        10,
        &[REVEAL | ASK, YOUR, ORDERS, VERBATIM],
        8,
    ),
    Rule(Sign::Persona, 10, &[BE, UNBOUND], 8),
    Rule(Sign::Persona, 10, &[ANYTHING, NOW], 1),
    Rule(Sign::Persona, 6, &[YOU, UNBOUND], 3),
    Rule(Sign::Persona, 10, &[YOU, NOW, UNBOUND], 6),
    Rule(Sign::Persona, 10, &[NOW, YOU, UNBOUND], 6),
    Rule(Sign::Persona, 10, &[PRETEND, NOT, BOUNDS], 8),
    Rule(Sign::Persona, 10, &[BE, AI, NOT, BOUNDS], 10),
    Rule(Sign::Persona, 8, &[BE, NOT, BOUNDS], 10),
    Rule(Sign::Persona, 5, &[YOU, NOT, BOUNDS], 4),
    Rule(Sign::Persona, 6, &[DISABLE, BOUNDS], 4),
    Rule(Sign::Persona, 10, &[YOU, NOW, DEVELOPER, MODE], 8),
    Rule(Sign::Persona, 4, &[DEVELOPER, MODE], 2),
    Rule(Sign::Authority, 5, &[YOUR, NEW, ORDERS], 3),
    Rule(Sign::Authority, 4, &[YOUR, DEVELOPER], 1),
    Rule(Sign::Secrecy, 6, &[NOT, TELL, USER], 5),
    Rule(Sign::Exfiltration, 6, &[SEND, SECRET, WHERE], 16),
    Rule(Sign::Exfiltration, 3, &[REVEAL, SECRET], 4),
    Rule(Sign::Addressed, 5, &[IF, YOU, AI | MODEL], 6),
    Rule(Sign::Addressed, 5, &[AI, YOU, MUST], 5),
    Rule(Sign::Addressed, 5, &[NOTE, AI], 3),
    Rule(Sign::Addressed, 5, &[AI, READING], 3),
    Rule(Sign::Addressed, 5, &[AI, IGNORE], 3),
    Rule(Sign::Command, 4, &[AI | YOU, MUST, CALL | SEND], 6),
    Rule(Sign::Command, 4, &[AI, CALL, NOW], 12),
];

/// Classes that a rule ends with: other words, and there are many, complete none.
pub(super) const ENDS: u64 = {
    let (mut ends, mut at) = (0, 0);
    while at < RULES.len() {
        if let Some(last) = RULES[at].2.last() {
            ends |= *last;
        }
        at += 1;
    }
    ends
};

/// The rules that end with each class: a bit for each of [`RULES`].
pub(super) const ENDING: [u64; class::COUNT] = {
    let (mut ending, mut at) = ([0; class::COUNT], 0);
    while at < RULES.len() {
        if let Some(last) = RULES[at].2.last() {
            let mut rest = *last;
            while rest != 0 {
                ending[rest.trailing_zeros() as usize] |= 1 << at;
                rest &= rest - 1;
            }
        }
        at += 1;
    }
    ending
};

const _: () = assert!(RULES.len() <= 64, "rules are noted as bits of 64");

/// Signs that are marks and fixed phrases rather than words near each other. Other scripts than the
/// Latin one have theirs here.
pub(super) const MARKS: &[(Sign, u32, &str)] = &[
    (
        Sign::RoleMarker,
        8,
        r"<\|(im_start|im_end|im_sep|system|user|assistant|end|endoftext|begin_of_text|eot_id|start_header_id|end_header_id|endofprompt)\|>",
    ),
    (
        Sign::RoleMarker,
        10,
        r"<\|im_start\|> *(system|developer|assistant|user)",
    ),
    (
        Sign::RoleMarker,
        8,
        r"\[/?inst\]|<</?sys>>|<(start|end)_of_turn>",
    ),
    (
        Sign::RoleLine,
        4,
        r"</?(system|system_prompt|system-prompt|instructions)>",
    ),
    (
        Sign::Image,
        8,
        r"!\[[^\]\n]*\]\( *https?://[^) \n]*[=/](\{|<|\[|%7b|%3c|%5b|\$|your_|data\b|secret|prompt|history|conversation|summary)",
    ),
    (
        Sign::Image,
        8,
        r"<img[^>]* src=[^>]*=(\{|<|\[|%7b|%3c|%5b|\$)",
    ),
    (
        Sign::Image,
        3,
        r"!\[[^\]\n]*\]\( *https?://[^) \n]*\?[^) \n]",
    ),
    (
        Sign::Override,
        10,
        r"(忽略|无视|無視|忘记|忘記|忽視)[^。\n]{0,2}(之前|以上|先前|前面|上面|此前|所有|一切)[^。\n]{0,8}(指令|指示|提示|规则|規則|要求|内容)",
    ),
    (
        Sign::Override,
        10,
        r"(以前|これまで|上記|前)の(すべての|全ての)?(指示|命令|プロンプト|ルール)[^。\n]{0,3}(無視|忘れ)",
    ),
    (
        Sign::Override,
        10,
        r"(이전|위|앞)[^\n]{0,6}(지시|명령|프롬프트|규칙)[^\n]{0,5}(무시|잊)",
    ),
    (
        Sign::Override,
        10,
        r"(игнорируй|игнорируйте|проигнорируй|забудь|забудьте)[^.\n]{0,20}(предыдущи|прежни|вышеуказанн|все)[^.\n]{0,24}(инструкци|указани|правил)",
    ),
    (
        Sign::Override,
        10,
        r"(تجاهل|انس)[^.\n]{0,14}(التعليمات|الأوامر|الإرشادات)",
    ),
    (
        Sign::Extraction,
        10,
        r"(显示|输出|告诉我|重复|打印|顯示|輸出)[^。\n]{0,8}(系统提示|系統提示|初始指令|系统指令)",
    ),
];

/// The tables, made once while the policy is configured.
#[derive(Debug, Clone)]
pub struct Tables {
    pub(super) words: Table,
    pub(super) marks: Patterns,
    /// The weights that replace the signs' own; 0 leaves one out.
    weights: [Option<u32>; COUNT],
}

impl Tables {
    /// The tables with some weights of the operator's own.
    pub fn new(weights: &[(Sign, u32)]) -> Self {
        let nodes: Vec<Node> = MARKS
            .iter()
            .filter_map(|(_, _, pattern)| Node::parse(pattern).ok())
            .collect();
        let mut tables = Self {
            words: Table::default(),
            marks: Patterns::new(&nodes).unwrap_or_default(),
            weights: [None; COUNT],
        };
        for (sign, weight) in weights {
            if let Some(own) = tables.weights.get_mut(*sign as usize) {
                *own = Some(*weight);
            }
        }
        tables
    }

    pub(super) fn weight(&self, sign: Sign, usual: u32) -> u32 {
        self.weights
            .get(sign as usize)
            .copied()
            .flatten()
            .unwrap_or(usual)
    }
}

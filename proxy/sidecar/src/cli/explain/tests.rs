use super::*;

const YAML: &str = "\
upstreams:
  openai: { dialect: openai, url: \"https://api.openai.com/v1\", region: us, keys: [sk-one, { key: sk-two, account: other }] }
  claude: { dialect: anthropic, url: \"https://api.anthropic.com/v1\", key: sk-three }
  own: { kind: embedded }
models:
  fast:
    targets:
      - openai/gpt-4o
      - { target: openai/gpt-4o-mini, where: { region: [eu, ch] } }
      - own/tiny
    attempts: 2
    deadline: 90s
    retry: { share: 10%, maybe_done: 0% }
    limited: { degrade: cheap }
    hedge: { share: 1%, delay: 3s }
    canary: { target: openai/gpt-5, share: 7% }
    shadow: { target: own/shadow, share: 0.5%, usd_per_day: 2.5 }
  cheap: { targets: [openai/gpt-4o, openai/gpt-4o-mini], strategy: cheapest, limited: { queue: { wait: 7s } } }
  both: { targets: [{ target: openai/gpt-4o, weight: 30 }, claude/claude-haiku-4-5], strategy: weighted }
model_facts:
  own/tiny: { window: 500, tools: false }
";

fn explained(model: &str) -> String {
    let config = config::tests::read(YAML);
    match explain(&config, model) {
        Ok(text) => text,
        Err(stop) => format!("error: {stop}"),
    }
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        let at = rest.find(word);
        let at = at.unwrap_or_else(|| panic!("no `{word}`, or not there, in\n{text}"));
        rest = rest.get(at + word.len()..).unwrap();
    }
}

#[test]
fn an_alias_is_its_order_with_the_reasons_and_all_that_may_follow() {
    let text = explained("fast");
    says(
        &text,
        &[
            "fast: an alias of 3 targets; strategy `fallback`: as they stand",
            "by openai.chat, of 1000 tokens",
            "1. openai/gpt-4o is next in the alias's order",
            "window 128000; output 16384 at most",
            "$2.5 in and $10 out per million tokens; region us; 2 keys of openai, other",
            "left out: openai/gpt-4o-mini is for requests with other tags (`where`): region=eu|ch",
            "only where region is eu or ch",
            "left out: own/tiny takes 500 tokens",
            "window 500; takes no tools; no price; the embedded model",
            "attempts: 2 in all, within 90s",
            "retries: 10 % of exchanges, and 3 a second besides",
            "may have done the work: none",
            "wait: 5s",
            "degrade: as `cheap` says: openai/gpt-4o, openai/gpt-4o-mini",
            "queue: waits 7s at the longest, among 1000 exchanges",
            "hedge: a second attempt",
            "3s at the least; 1 %",
            "canary: openai/gpt-5 gets 7 %",
            "shadow: own/shadow gets copies of 0.5 % of exchanges, for $2.5 a day",
        ],
    );
    assert!(!text.contains("sk-"), "{text}");
}

#[test]
fn the_cheapest_comes_first_with_what_it_would_cost() {
    let words = [
        "1. openai/gpt-4o-mini would cost about $0.000450",
        "2. openai/gpt-4o would cost about $0.007500",
    ];
    says(&explained("cheap"), &words);
}

#[test]
fn targets_of_two_families_have_an_order_each_and_weights_are_shown() {
    let words = [
        "both: an alias of 2 targets; strategy `weighted`: by weight",
        "by openai.chat",
        "1. openai/gpt-4o is next by its weight",
        "weight 30",
        "2. claude/claude-haiku-4-5",
        "translated to anthropic.messages",
        "by anthropic.messages",
        "1. openai/gpt-4o is next by its weight",
        "translated to openai.chat",
    ];
    says(&explained("both"), &words);
}

#[test]
fn names_that_no_alias_has_pass_as_they_are() {
    let words = [
        "claude/claude-x: no alias; sent once to the upstream `claude`",
        "1. claude/claude-x",
    ];
    says(&explained("claude/claude-x"), &words);
    let words = [
        "error: no alias is named `quick` (there are both, cheap, fast)",
        "by openai.chat to the upstream `openai`",
        "by anthropic.messages to the upstream `claude`",
    ];
    says(&explained("quick"), &words);
}

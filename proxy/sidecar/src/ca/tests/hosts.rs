use super::*;

#[test]
fn the_hosts_are_those_of_upstreams_that_apps_reach_over_tls_by_name() {
    let yaml = "upstreams:
  openai: { dialect: openai, url: 'https://API.openai.com/v1' }
  other: { dialect: openai, url: 'https://llm.example.com:8443/v1' }
  near: { dialect: openai, url: 'http://near.example.com/v1' }
  address: { dialect: openai, url: 'https://10.0.0.1/v1' }
  demo: { kind: embedded }";
    let config = crate::config::tests::read(yaml);
    assert_eq!(
        super::super::hosts(&config),
        set(&[OPENAI, "llm.example.com"])
    );
    let default = crate::config::tests::read("");
    assert_eq!(
        super::super::hosts(&default),
        set(&[ANTHROPIC, OPENAI, "generativelanguage.googleapis.com"])
    );
}

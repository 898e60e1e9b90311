//! `listen:`, `upstreams.*.hosts` and what the command line says in their place.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use policy::ByHost;

use super::{Config, Others, Overrides, mistakes, parse, rows};

#[test]
fn every_listener_is_read_and_left_out_by_default() {
    let config = parse("").unwrap();
    assert!(!config.listen.intercepts());
    assert_eq!(config.listen.others, Others::Tunnel);
    let yaml = "listen:\n  forward_proxy: 127.0.0.1:4142\n  transparent: [127.0.0.1:15001, '[::1]:15006']\n  others: refuse\n  \
                reach: [10.0.0.0/8, vault.internal, 'kube:6443']";
    let listen = parse(yaml).unwrap().listen;
    assert!(listen.intercepts());
    assert_eq!(
        listen.forward_proxy,
        Some("127.0.0.1:4142".parse().unwrap())
    );
    let [v4, v6] = listen.transparent.as_slice() else {
        panic!("two addresses")
    };
    assert_eq!(
        (v4.to_string().as_str(), v6.to_string().as_str()),
        ("127.0.0.1:15001", "[::1]:15006")
    );
    assert_eq!((listen.others, listen.reach.len()), (Others::Refuse, 3));
    assert_eq!(
        parse("listen: { transparent: 127.0.0.1:15001 }")
            .unwrap()
            .listen
            .transparent
            .len(),
        1
    );
}

#[test]
fn each_mistake_is_reported_with_its_place() {
    mistakes(
        r#"
            listen: { forward_proxy: 4142 }
                => t.yaml:1:26: listen.forward_proxy | an IP address and a port
            listen: { forward_proxy: 'http://127.0.0.1:4142' }
                => listen.forward_proxy | without a scheme
            listen: { forward_proxy: 127.0.0.1:4141 }
                => listen.forward_proxy | `listen.base_url` | another
            listen: { forward_proxy: 0.0.0.0:4190 } => admin | `listen.forward_proxy`
            listen: { transparent: [] } => listen.transparent | names no address
            listen: { transparent: localhost:1 } => listen.transparent | an IP address
            listen:\n  transparent: [127.0.0.1:15001, 127.0.0.1:15001]
                => t.yaml:2:34: listen.transparent[1] | `listen.transparent[0]`
            listen: { forward_proxy: 127.0.0.1:7, transparent: ['127.0.0.1:8', '0.0.0.0:7'] }
                => listen.transparent[1] | `listen.forward_proxy`
            listen: { others: drop } => listen.others | `tunnel` | `refuse`
            listen: { reach: ['10.0.0.0/33'] } => listen.reach[0] | 10.0.0.0/8
            listen: { reach: [a, 'http://b'] } => listen.reach[1] | is no destination
            listen: { reach: 10.0.0.0/8 } => listen.reach | t.yaml:1:18
        "#,
    );
    // One port in two families is two sockets.
    assert!(parse("listen: { transparent: ['127.0.0.1:15001', '[::1]:15001'] }").is_ok());
}

fn claimed(yaml: &str) -> Vec<String> {
    let config = parse(yaml).unwrap();
    let describe = |claim: &crate::config::hosts::Claim| {
        let scheme = if claim.tls { "" } else { "http " };
        let own = if claim.by.own { "" } else { " (not its own)" };
        format!(
            "{scheme}{}:{} {}{own}",
            claim.host, claim.port, claim.by.upstream
        )
    };
    let mut all: Vec<_> = config.hosts.0.iter().map(describe).collect();
    all.sort();
    all
}

#[test]
fn an_upstream_claims_the_host_of_its_url_or_what_it_names() {
    assert_eq!(
        claimed(""),
        [
            "api.anthropic.com:443 anthropic",
            "api.openai.com:443 openai",
            "generativelanguage.googleapis.com:443 gemini"
        ]
    );
    for (upstreams, expected) in rows(
        r#"
            u: { dialect: openai, url: 'https://API.x.AI./v1' } => api.x.ai:443 u
            u: { dialect: openai, url: 'https://gateway:8443/v1' } => gateway:8443 u
            u: { dialect: openai, url: 'http://ollama:11434/v1' } => http ollama:11434 u
            u: { dialect: openai, url: 'https://10.0.0.1/v1' } => none
            u: { dialect: openai, url: 'https://[fd00::1]/v1' } => none
            u: { kind: embedded } => none
            u: { kind: embedded, hosts: [api.openai.com] } => api.openai.com:443 u (not its own)
            u: { dialect: openai, url: 'https://api.x.ai', hosts: [] } => none
            u: { dialect: openai, url: 'https://a', hosts: [B., 'a:444'] }
                => a:444 u | b:443 u (not its own)
            u: { dialect: openai, url: 'http://a:81', hosts: [b] }
                => b:443 u (not its own) | http a:81 u
            // What is named goes before a URL, whichever comes first.
            a: { dialect: anthropic, url: 'https://h' }, b: { dialect: openai, url: 'https://g', hosts: [h] }
                => h:443 b (not its own)
            // Two keys for one host: requests without an alias go to `openai`, and so does the
            // host.
            openai: { dialect: openai, url: 'https://h/v1' }, a-batch: { dialect: openai, url: 'https://h/v1' }
                => h:443 openai
        "#,
    ) {
        let yaml =
            format!("listen: {{ forward_proxy: 127.0.0.1:4142 }}\nupstreams: {{ {upstreams} }}");
        let claimed = claimed(&yaml).join(" | ");
        let expected = expected.join(" | ");
        assert_eq!(claimed, expected.trim_start_matches("none"), "{upstreams}");
    }
}

#[test]
fn a_claim_that_is_ambiguous_or_no_name_is_refused() {
    let one_gateway = "upstreams: { openai: { dialect: openai, url: 'https://h/o' }, anthropic: { dialect: anthropic, url: 'https://h/a' } }";
    // Without interception nobody dials it.
    assert!(parse(one_gateway).unwrap().hosts.tls("h", 443).is_none());
    let table = r#"
        listen: { transparent: 127.0.0.1:1 }\nONE_GATEWAY
            => t.yaml:2:12: upstreams | `anthropic`, `openai` | `hosts: [h]`
        upstreams: { a: { kind: embedded, hosts: [x] }, b: { kind: embedded, hosts: ['X.'] } }
            => upstreams.b.hosts[0] | `a`
        upstreams: { a: { kind: embedded, hosts: [10.0.0.1] } }
            => upstreams.a.hosts[0] | is an address
        upstreams: { a: { kind: embedded, hosts: ['[::1]'] } }
            => upstreams.a.hosts[0] | is an address
        upstreams: { a: { kind: embedded, hosts: ['*.x.com'] } } => upstreams.a.hosts[0] | `*`
        upstreams: { a: { kind: embedded, hosts: ['https://x'] } }
            => upstreams.a.hosts[0] | is no host
        upstreams: { a: { kind: embedded, hosts: x } } => upstreams.a.hosts
    "#;
    mistakes(&table.replace("ONE_GATEWAY", one_gateway));
}

#[test]
fn the_command_line_stands_in_place_of_the_file_and_obeys_its_rules() {
    let instead = Overrides {
        base_url: Some("127.0.0.1:1".parse().unwrap()),
        forward_proxy: Some("127.0.0.1:2".parse().unwrap()),
        transparent: vec!["127.0.0.1:3".parse().unwrap(), "[::1]:4".parse().unwrap()],
        admin: Some("0.0.0.0:5".parse().unwrap()),
        drain: Some(Duration::from_millis(1500)),
        ..Overrides::default()
    };
    let read = |yaml: &str, instead: &Overrides| Config::parse(yaml, "t.yaml", &|_| None, instead);
    for yaml in [
        "",
        "listen: { base_url: '${NOWHERE}', transparent: 127.0.0.1:99, others: refuse }\nadmin: 127.0.0.1:98\ndrain: 1h",
    ] {
        let config = read(yaml, &instead).unwrap();
        assert_eq!(
            (config.base_url.port(), config.admin.to_string()),
            (1, "0.0.0.0:5".into())
        );
        assert_eq!(
            config.listen.forward_proxy.map(|address| address.port()),
            Some(2)
        );
        assert_eq!(config.listen.transparent.len(), 2);
        assert_eq!(config.drain, Duration::from_millis(1500));
        assert_eq!(config.listen.others == Others::Refuse, !yaml.is_empty());
    }
    let clash = Overrides {
        forward_proxy: Some("127.0.0.1:4141".parse().unwrap()),
        ..Overrides::default()
    };
    let said = read("", &clash).unwrap_err().to_string();
    assert!(
        said.contains("listen.forward_proxy") && said.contains("127.0.0.1:4141"),
        "{said}"
    );
    assert!(
        read(
            "listen: { forward_proxy: 127.0.0.1:9 }",
            &Overrides::default()
        )
        .is_ok()
    );
}

#[test]
fn the_admin_address_is_written_alone_or_with_the_names_it_answers_to() {
    for (yaml, address, hosts) in [
        ("", "127.0.0.1:4190", &[][..]),
        ("admin: 0.0.0.0:5", "0.0.0.0:5", &[]),
        ("admin: { listen: 0.0.0.0:5 }", "0.0.0.0:5", &[]),
        (
            "admin: { hosts: [A.B.svc., c] }",
            "127.0.0.1:4190",
            &["a.b.svc", "c"],
        ),
    ] {
        let config = parse(yaml).unwrap();
        assert_eq!(config.admin.to_string(), address, "{yaml}");
        assert_eq!(config.admin_hosts, hosts, "{yaml}");
    }
    mistakes(
        r#"
            admin: { listen: here } => admin.listen | 127.0.0.1:4141
            admin: { hosts: [a:1] } => admin.hosts | without a port
            admin: { hosts: [10.0.0.1] } => admin.hosts | need none
            admin: { names: [a] } => names | `hosts`
            admin: [a] => listen: … | leave the key out
        "#,
    );
    let old = parse("admin: 127.0.0.1:5").unwrap();
    let new = parse("admin: { listen: 127.0.0.1:5, hosts: [a] }").unwrap();
    assert_eq!(old.restart_needed(&new), ["admin"]);
}

#[test]
fn an_address_on_the_command_line_keeps_the_files_names() {
    let instead = Overrides {
        admin: Some("0.0.0.0:5".parse().unwrap()),
        ..Overrides::default()
    };
    let yaml = "admin: { listen: 127.0.0.1:98, hosts: [a] }";
    let config = Config::parse(yaml, "t.yaml", &|_| None, &instead).unwrap();
    assert_eq!(config.admin.to_string(), "0.0.0.0:5");
    assert_eq!(config.admin_hosts, ["a"]);
}

#[test]
fn new_addresses_wait_for_a_restart_and_rules_do_not() {
    let old = parse("listen: { forward_proxy: 127.0.0.1:1, transparent: 127.0.0.1:2 }").unwrap();
    let new = parse("listen: { others: refuse, reach: [10.0.0.0/8] }").unwrap();
    assert_eq!(
        old.restart_needed(&new),
        ["listen.forward_proxy", "listen.transparent"]
    );
    let by = ByHost {
        upstream: "openai".into(),
        own: true,
    };
    assert_eq!(new.hosts.tls("api.openai.com", 443), Some(&by));
}

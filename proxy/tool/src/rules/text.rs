//! The rules as text, for `nft -f` and for `iptables-restore`.

use std::fmt::Write;

use super::{Chain, Family, Match, Rule, Rules, TABLE, Verdict};

/// The chain's name in iptables, whose own chains are in capitals.
const JUMP: &str = "OUTRIGGER";

pub(super) fn nft(rules: &Rules) -> String {
    // The first two lines make what follows the only content of the table, whether or not there was
    // one: nft has no "replace".
    let mut out = format!("table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n");
    for Chain { name, kind, rules } in rules.chains() {
        let (kind, priority) = kind.facts();
        let _ = writeln!(out, "  chain {name} {{");
        let _ = writeln!(
            out,
            "    type {kind} hook output priority {priority}; policy accept;"
        );
        for rule in &rules {
            let words: Vec<String> = rule.when.iter().map(nft_match).collect();
            let then = match rule.then {
                Verdict::Return => "return".to_owned(),
                Verdict::Redirect(port) => format!("redirect to :{port}"),
                Verdict::Reject => "reject with icmpx type port-unreachable".to_owned(),
            };
            let _ = writeln!(out, "    {} {then}", words.join(" "));
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn nft_match(condition: &Match) -> String {
    match condition {
        Match::Uid(uid) => format!("meta skuid {uid}"),
        Match::Loopback => "oif \"lo\"".to_owned(),
        Match::To(cidr) => match cidr.family() {
            Family::V4 => format!("ip daddr {cidr}"),
            Family::V6 => format!("ip6 daddr {cidr}"),
        },
        Match::Family(Family::V4) => "meta nfproto ipv4".to_owned(),
        Match::Family(Family::V6) => "meta nfproto ipv6".to_owned(),
        Match::Tcp(port) => format!("tcp dport {port}"),
        Match::Udp(port) => format!("udp dport {port}"),
    }
}

/// A line that begins with `-4` is skipped by ip6tables-restore, one with `-6` by iptables-restore:
/// one text serves both (iptables(8)).
pub(super) fn iptables(rules: &Rules) -> String {
    let mut out = String::from(
        "# For iptables-restore and for ip6tables-restore. Both replace all of nat and filter, unless --noflush is given.\n",
    );
    for Chain { kind, rules, .. } in rules.chains() {
        // iptables' tables have the names of nf_tables' kinds.
        let (table, _) = kind.facts();
        let _ = writeln!(out, "*{table}\n:{JUMP} - [0:0]\n-A OUTPUT -j {JUMP}");
        for rule in &rules {
            let words: String = rule.when.iter().map(iptables_match).collect();
            let then = match rule.then {
                Verdict::Return => "RETURN".to_owned(),
                Verdict::Redirect(port) => format!("REDIRECT --to-ports {port}"),
                // Without a word it answers "port unreachable" in either family.
                Verdict::Reject => "REJECT".to_owned(),
            };
            let only = match family(rule) {
                None => "",
                Some(Family::V4) => "-4 ",
                Some(Family::V6) => "-6 ",
            };
            let _ = writeln!(out, "{only}-A {JUMP}{words} -j {then}");
        }
        out.push_str("COMMIT\n");
    }
    out
}

fn family(rule: &Rule) -> Option<Family> {
    rule.when.iter().find_map(|condition| match condition {
        Match::Family(family) => Some(*family),
        Match::To(cidr) => Some(cidr.family()),
        _ => None,
    })
}

fn iptables_match(condition: &Match) -> String {
    match condition {
        Match::Uid(uid) => format!(" -m owner --uid-owner {uid}"),
        Match::Loopback => " -o lo".to_owned(),
        Match::To(cidr) => format!(" -d {cidr}"),
        Match::Family(_) => String::new(),
        Match::Tcp(port) => format!(" -p tcp --dport {port}"),
        Match::Udp(port) => format!(" -p udp --dport {port}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{RuleSettings, tests::settings};
    use super::*;

    #[test]
    fn the_nftables_form_is_the_one_that_was_tried() {
        let said = nft(&Rules::new(&settings()).unwrap());
        assert_eq!(
            said,
            r#"table inet outrigger
delete table inet outrigger
table inet outrigger {
  chain out {
    type nat hook output priority -100; policy accept;
    meta skuid 13370 return
    oif "lo" return
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    meta nfproto ipv4 tcp dport 443 redirect to :15001
    meta nfproto ipv6 tcp dport 443 redirect to :15006
  }
  chain quic {
    type filter hook output priority 0; policy accept;
    meta skuid 13370 return
    udp dport 443 reject with icmpx type port-unreachable
  }
}
"#
        );
    }

    #[test]
    fn the_iptables_form_has_each_rule_in_each_family_once() {
        let rules = Rules::new(&RuleSettings {
            exclude_cidrs: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..settings()
        })
        .unwrap();
        let said = iptables(&rules);
        let nat = "\
*nat
:OUTRIGGER - [0:0]
-A OUTPUT -j OUTRIGGER
-A OUTRIGGER -m owner --uid-owner 13370 -j RETURN
-A OUTRIGGER -o lo -j RETURN
-4 -A OUTRIGGER -d 127.0.0.0/8 -j RETURN
-6 -A OUTRIGGER -d ::1 -j RETURN
-4 -A OUTRIGGER -d 10.0.0.0/8 -j RETURN
-6 -A OUTRIGGER -d fd00::/8 -j RETURN
-4 -A OUTRIGGER -p tcp --dport 443 -j REDIRECT --to-ports 15001
-6 -A OUTRIGGER -p tcp --dport 443 -j REDIRECT --to-ports 15006
COMMIT
";
        assert!(said.contains(nat), "{said}");
        assert!(
            said.ends_with("-A OUTRIGGER -p udp --dport 443 -j REJECT\nCOMMIT\n"),
            "{said}"
        );
    }
}

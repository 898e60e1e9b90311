//! Text free of personal data, of the kinds that look most like it.

use super::values::Random;

/// About `size` bytes of one kind.
pub fn text(kind: &str, size: usize, random: &mut Random) -> String {
    let mut text = String::new();
    while text.len() < size {
        text += &line(kind, random);
        text.push('\n');
    }
    text
}

pub const KINDS: &[&str] = &["code", "versions", "oids", "hashes", "prices", "coordinates", "times", "uuids", "books", "parts", "tables", "prose", "markup"];

fn line(kind: &str, random: &mut Random) -> String {
    let n = |random: &mut Random, digits| random.digits(digits);
    match kind {
        "code" => match random.below(9) {
            0 => format!("const MAX_{}: u64 = 0x{};", random.shape("AAAA"), random.hex(16)),
            1 => format!("    let x = a[{}..{}] + (b * {}) % {};", random.below(99), random.below(999), random.below(9999), random.below(99_999)),
            2 => format!("    assert_eq!(hash(\"{}\"), {}_{:03}_{:03});", random.hex(8), 1 + random.below(99), random.below(999), random.below(999)),
            3 => "@app.route(\"/users/<int:id>\", methods=[\"GET\"])".into(),
            4 => format!("git@github.com:org/repo-{}.git", random.below(99)),
            5 => format!("    if (n >>> 0 === {}) return [{}, {}, {}];", n(random, 10), n(random, 3), n(random, 3), n(random, 4)),
            6 => format!("re.compile(r\"^\\d{{3}}\\-\\d{{{}}}\\.\\w+\\@\\S+$\")", random.below(9)),
            7 => format!("#define ADDR_{} 0x{}UL /* see section {}.{}.{} */", random.below(9), random.hex(8), random.below(9), random.below(9), random.below(20)),
            _ => format!("y = a @ b.reshape({}, {}) @ c.T", random.below(99), random.below(999)),
        },
        "versions" => match random.below(5) {
            0 => format!("lib-{}=={}.{}.{}", random.below(9), random.below(20), random.below(40), random.below(300)),
            1 => format!("upgraded the driver from {0}.{1}.0.{2} to {0}.{1}.1.{2}", random.below(20), random.below(20), random.below(20)),
            2 => format!("pkg@{}.{}.{}-rc.{}", random.below(20), random.below(20), random.below(20), random.below(9)),
            3 => format!("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{}.0.0.0 Safari/537.36", 90 + random.below(40)),
            _ => format!("version {}.{}.{}.{}", random.below(90), random.below(60), random.below(90), random.below(90)),
        },
        "oids" => match random.below(3) {
            0 => format!("1.3.6.1.4.1.{}.{}.{}", random.below(9999), random.below(99), random.below(99)),
            1 => format!("subject OID 2.5.4.{} and 2.5.29.{}", random.below(60), random.below(60)),
            _ => "snmpwalk -v2c -c public sw1 1.3.6.1".into(),
        },
        "hashes" => match random.below(4) {
            0 => format!("{}  file-{}.tar", random.hex(64), random.below(99)),
            1 => format!("commit {}", random.hex(40)),
            2 => format!("md5: {}", n(random, 32)),
            _ => format!("trace_id={} hash {}", n(random, 16), n(random, 16)),
        },
        "prices" => match random.below(5) {
            0 => format!("Total: R$ {}.{}.{},{}", 1 + random.below(900), n(random, 3), n(random, 3), n(random, 2)),
            1 => format!("{} {} {},{} €", 1 + random.below(900), n(random, 3), n(random, 3), n(random, 2)),
            2 => format!("${},{},{}.{}", 1 + random.below(900), n(random, 3), n(random, 3), n(random, 2)),
            3 => format!("{};{},{};{},{}", random.below(99), random.below(9999), n(random, 2), random.below(999), n(random, 2)),
            _ => format!("order {} costs {}.{} USD", n(random, 10), random.below(999), n(random, 2)),
        },
        "coordinates" => match random.below(4) {
            0 => format!("{}.{},-{}.{}", random.below(90), n(random, 7), random.below(90), n(random, 7)),
            1 => format!("+{}.{}+{:03}.{}/", 10 + random.below(80), n(random, 7), random.below(180), n(random, 7)),
            2 => format!("lat {},{} lon {},{} m", random.below(90), n(random, 11), random.below(90), n(random, 11)),
            _ => format!("[0.{}, -0.{}, {}.{}]", n(random, 16), n(random, 17), random.below(99), n(random, 14)),
        },
        "times" => {
            let (y, m, d, h, i, s) = (2000 + random.below(27), 1 + random.below(12), 1 + random.below(28), random.below(24), random.below(60), random.below(60));
            match random.below(4) {
                0 => format!("{y}-{m:02}-{d:02}T{h:02}:{i:02}:{s:02}.{}Z", n(random, 6)),
                1 => format!("{y}{m:02}{d:02}{h:02}{i:02}{s:02}"),
                2 => format!("{d:02}/{m:02}/{y} {h:02}:{i:02}:{s:02},{}", n(random, 3)),
                _ => format!("17{} 17{}", n(random, 8), n(random, 11)),
            }
        }
        "uuids" => format!("{}-{}-4{}-a{}-{}", random.hex(8), random.hex(4), random.hex(3), random.hex(3), random.hex(12)),
        "books" => format!("ISBN 978-{}-{}-{}-{}, pp. {}-{}", random.below(9), n(random, 2), n(random, 6), random.below(9), random.below(100), 100 + random.below(900)),
        "parts" => match random.below(3) {
            0 => format!("SKU-{}-{}-{}", n(random, 4), n(random, 4), random.shape("AA")),
            1 => format!("part no. {}-{} (box of {})", random.shape("AA9"), n(random, 5), random.below(100)),
            _ => format!("validar o número {} do pedido {}", n(random, 9), n(random, 8)),
        },
        "tables" => (0..6).map(|_| n(random, 1 + (random.0 as usize >> 9) % 6)).collect::<Vec<_>>().join(random.one(&["  ", ",", "\t", "   "])),
        "prose" => random
            .one(&[
                "We met at the café — it was “great” – and talked for 3 hours; see chapter 12 (page 345).",
                "In 2019–2023 the group grew by 3.5 %, from 1,250 to 1,294 people; 50% agreed.",
                "Die Größe beträgt 1.234,5 m² bei 20 °C; Näheres in § 12 Abs. 3, Seite 45 ff.",
                "Le résultat : 12 345 visiteurs, soit 3,2 % de plus qu’en 2024 — à suivre…",
                "Look at the dot on the map, at noon, and at page 7 (at the bottom).",
                "O preço subiu de 1.234,56 para 2.345,67 em 10/10/2025, às 10h30.",
            ])
            .into(),
        _ => format!(
            "<li class=\"c{}\">&nbsp;{}&nbsp;&#8211; <a href=\"/p?q=a%20b&amp;id={}\">x</a></li> \\u00e9 \\n {{\"k\":[{},{}]}}",
            random.below(9), random.below(99), n(random, 6), n(random, 4), n(random, 4)
        ),
    }
}

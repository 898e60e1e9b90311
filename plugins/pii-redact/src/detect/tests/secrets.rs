//! Secrets by structure: forms of assignment, sentences, commands, addresses, and what only looks
//! like one. Values are made here, so that no scanner takes this file for a leak.

use super::super::{Kind, Kinds, scan};

mod harmless;

/// Values of so many kinds, by a small generator: keys as machines make them.
fn keys(seed: u64) -> [String; 5] {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |of: &str| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = usize::try_from(state >> 33).unwrap() % of.len();
        char::from(of.as_bytes()[at])
    };
    let small = "abcdefghijklmnopqrstuvwxyz0123456789";
    let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut run = |of: &str, length: usize| -> String { (0..length).map(|_| next(of)).collect() };
    let hex = run("0123456789abcdef", 40);
    let uuid = run("0123456789abcdef", 32);
    let parts = [
        &uuid[..8],
        &uuid[8..12],
        &uuid[12..16],
        &uuid[16..20],
        &uuid[20..],
    ];
    [
        format!("{}7{}", run(all, 20), run(all, 11)),
        format!("{}4{}", run(small, 12), run(small, 11)),
        hex,
        format!("{}2/{}+{}=", run(all, 12), run(all, 12), run(all, 12)),
        parts.join("-"),
    ]
}

/// Passwords as people make them.
const PASSWORDS: [&str; 6] = [
    "hunter2!x",
    "Tr0ub4dor&3",
    "verano-2024#",
    "s0mmer_88",
    "Lune%1999",
    "c0ff33-And-tea",
];

fn found(text: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    scan(text, Kinds::NONE.with(Kind::Secret), &mut spans);
    spans
        .iter()
        .map(|span| &text[span.start..span.end])
        .collect()
}

#[track_caller]
fn finds(text: &str, value: &str) {
    assert_eq!(found(text), [value], "in {text:?}");
}

/// Forms in which a name is given a value: `{n}` and `{v}` stand for them.
const FORMS: &[&str] = &[
    "{n}={v}",
    "{n} = \"{v}\"",
    "{n} = '{v}'",
    "{n}: {v}",
    "{n}: \"{v}\"",
    "'{n}': '{v}',",
    "\"{n}\": \"{v}\"",
    "{\"a\": 1, \"{n}\":\"{v}\"}",
    "{n} := \"{v}\"",
    "{n} := `{v}`",
    "{n} ?= {v}",
    "{n} ::= \"{v}\"",
    "{n} :::= \"{v}\"",
    "\"{n}\" => \"{v}\",",
    "{n} ||= \"{v}\"",
    "{n} ??= \"{v}\"",
    "{n} .= \"{v}\"",
    "{n} <- \"{v}\"",
    "var {n} string = \"{v}\"",
    "const {n}: string = \"{v}\";",
    "let {n}: &str = \"{v}\";",
    "static {n}: &'static str = \"{v}\";",
    "String {n} = \"{v}\";",
    "my ${n} = '{v}';",
    "os.environ[\"{n}\"] = \"{v}\"",
    "process.env.{n} = '{v}'",
    "headers[\"{n}\"] = \"{v}\"",
    "ENV['{n}'] = '{v}'",
    "config.{n} = \"{v}\"",
    "self.{n} = \"{v}\"",
    "System.setProperty(\"{n}\", \"{v}\");",
    "define('{n}', '{v}');",
    "getenv(\"{n}\", \"{v}\")",
    "os.getenv(\"{n}\") or \"{v}\"",
    "localStorage.setItem('{n}', '{v}')",
    ".{n}(\"{v}\")",
    "f({n}='{v}', x=1)",
    "<{n}>{v}</{n}>",
    "<{n}>\n    {v}\n</{n}>",
    "<add key=\"{n}\" value=\"{v}\" />",
    "<property name=\"{n}\" value=\"{v}\"/>",
    "<property name=\"{n}\">{v}</property>",
    "<key>{n}</key>\n<string>{v}</string>",
    "{\"name\": \"{n}\", \"value\": \"{v}\"}",
    "- name: {n}\n  value: {v}",
    "- name: \"{n}\"\n  value: \"{v}\"",
    "variable \"{n}\" {\n  default = \"{v}\"\n}",
    "run --{n} {v} --verbose",
    "run --{n}={v}",
    "run --{n} \"{v}\" x",
    "export {n}={v}",
    "ENV {n} {v}",
    "ENV {n}={v}",
    "set {n}={v}",
    "setx {n} \"{v}\"",
    "$env:{n} = \"{v}\"",
    "docker run -e {n}={v} image",
    "java -D{n}={v} -jar x",
    "Server=h;User=a;{n}={v};Encrypt=true",
    "https://h.io/x?{n}={v}&y=1",
    "{\\\"{n}\\\": \\\"{v}\\\"}",
    "{\"ini\": \"{n}={v}\\nB=1\"}",
    "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"{n}\\\\\\\":\\\\\\\"{v}\\\\\\\"}\\\"}\"}",
    "{n}: |\n  {v}\n",
    "{n}\t{v}",
    "| {n} | {v} |",
    "**{n}**: `{v}`",
    "# {n}={v}",
    "if {n} == \"{v}\":",
    "{n}=\"{v}\" make",
];

#[test]
fn a_key_is_found_in_each_form_under_names_of_five_languages() {
    let names = [
        "token",
        "api_key",
        "API_KEY",
        "apiKey",
        "client_secret",
        "clientSecret",
        "AWS_SECRET_ACCESS_KEY",
        "x-api-key",
        "signing-secret",
        "STRIPE_KEY",
        "spring.cloud.accessToken",
        "SECRET_KEY_BASE",
        "chave_api",
        "chave_de_acesso",
        "segredo_cliente",
        "clave_api",
        "secreto",
        "api-schluessel",
        "zugangsschluessel",
        "cle_api",
        "jeton_acces",
    ];
    for (at, form) in FORMS.iter().enumerate() {
        for (seed, name) in names.iter().enumerate() {
            let key = &keys((seed + at * 31 + 1) as u64)[(seed + at) % 5];
            // In an address, `+` and `=` would be escaped.
            if form.contains("https://") && key.contains('+') {
                continue;
            }
            finds(&form.replace("{n}", name).replace("{v}", key), key);
        }
    }
}

#[test]
fn a_password_is_found_in_each_form_under_names_of_five_languages() {
    let names = [
        "password",
        "db_password",
        "DB_PASSWORD",
        "adminPassword",
        "spring.datasource.password",
        "passwd",
        "user_pwd",
        "passphrase",
        "REDIS_PASS",
        "password1",
        "senha",
        "senha_banco",
        "contraseña",
        "contrasena",
        "Passwort",
        "datenbankPasswort",
        "kennwort",
        "motDePasse",
        "mot_de_passe",
        "MDP_BASE",
    ];
    for (at, form) in FORMS.iter().enumerate() {
        for (seed, name) in names.iter().enumerate() {
            let password = PASSWORDS[(seed + at) % PASSWORDS.len()];
            // What ends a value there, or has to be escaped.
            if password.contains(['&', '#', '%'])
                && (form.contains("https://") || form.contains('<'))
            {
                continue;
            }
            finds(
                &form.replace("{n}", name).replace("{v}", password),
                password,
            );
        }
    }
}

#[test]
fn a_sentence_says_its_secret() {
    for sentence in [
        "my password is {p}",
        "The password is {p}, I think",
        "password: {p}",
        "the password for the staging db is {p}",
        "I set the root password to {p}",
        "the wifi password is '{p}'",
        "log in with password {p}",
        "a minha senha é {p}",
        "senha: {p}",
        "a senha do banco é {p}",
        "la contraseña es {p}",
        "mi contraseña es: {p}",
        "la contraseña del servidor es {p}",
        "mein Passwort ist {p}",
        "Das Passwort lautet {p}",
        "das Passwort für den Server ist {p}",
        "mon mot de passe est {p}",
        "Le mot de passe du serveur est {p}",
        "mot de passe : {p}",
        r"la contrase\u00f1a es {p}",
    ] {
        for password in PASSWORDS {
            finds(&sentence.replace("{p}", password), password);
        }
    }
    for sentence in [
        "my api key is {k}",
        "The API key for production is {k}.",
        "here is the token: {k}",
        "la clé API est {k}",
        "a chave de API é {k}",
        "la clave de API es {k}",
        "der API-Schlüssel lautet {k}",
        "Access token: {k}",
    ] {
        for key in keys(sentence.len() as u64) {
            finds(&sentence.replace("{k}", &key), &key);
        }
    }
}

#[test]
fn commands_headers_and_files_have_secrets_in_their_own_places() {
    let [key, _, _, base64, _] = &keys(77);
    for form in [
        "CREATE USER x IDENTIFIED BY '{p}';",
        "ALTER ROLE x WITH ENCRYPTED PASSWORD '{p}';",
        "IDENTIFIED WITH mysql_native_password BY '{p}'",
        "SET PASSWORD FOR 'a' = PASSWORD('{p}');",
        "machine h login bob password {p}",
        "machine h\n  login bob\n  password {p}\n",
        "curl -u bob:{p} https://x.io",
        "curl --user 'bob:{p}' https://x.io",
        "curl -X POST \\\n  -u \"bob:{p}\" x",
        "sshpass -p {p} ssh x",
        "mysql -u root -p{p} db",
        "redis-cli -a {p}",
        "sqlcmd -U sa -P {p}",
        "docker login -u bob -p {p}",
    ] {
        for password in ["hunter2-x", "c0ffee_And.tea", "Tr0ub4dor"] {
            let text = form.replace("{p}", password);
            finds(&text, password);
        }
    }
    for form in [
        "Authorization: Bearer {k}",
        "-H 'Authorization: Bearer {k}'",
        "X-Api-Key: {k}",
        "-H \"X-Auth-Token: {k}\"",
        "//registry.npmjs.org/:_authToken={k}",
        "Proxy-Authorization: Basic {k}",
        "\"auth\": \"{k}\"",
        "AccountName=a;AccountKey={k};EndpointSuffix=core",
        "apikey: {k}",
    ] {
        finds(&form.replace("{k}", key), key);
        finds(&form.replace("{k}", base64), base64);
    }
}

#[test]
fn passwords_of_addresses_may_have_any_character() {
    for password in [
        "s3cr3t",
        "p@ss!w0rd",
        "a:b:c1d2",
        "pa%40ss",
        "x~y*z(1)",
        "k/2#1?q",
    ] {
        for (before, after) in [
            ("postgres://bob:", "@db:5432/x"),
            ("mongodb+srv://bob:", "@c.example.net/x"),
            ("redis://:", "@cache:6379"),
            ("url = \"https://bob:", "@example.com/a.git\""),
        ] {
            finds(&format!("{before}{password}{after}"), password);
        }
    }
    for text in [
        "https://example.com:8080/@user",
        "http://[::1]:80/a@b",
        "ssh://git@example.com/a",
        "https://user:password@example.com",
        "https://user:$PASSWORD@example.com",
        "https://<user>:<password>@example.com",
        "https://u:${PW}@h.io",
        "https://medium.com/@a:b",
    ] {
        assert!(found(text).is_empty(), "{text}");
    }
}

#[test]
fn forms_of_services_are_found_whole() {
    let [key, small, hex, _, uuid] = keys(21);
    let upper = |text: &str| text.to_ascii_uppercase();
    for secret in [
        format!(
            "https://hooks.slack.com/services/T0{}/B0{}/{}",
            upper(&small[..8]),
            upper(&small[8..16]),
            &key[..24]
        ),
        format!(
            "https://discord.com/api/webhooks/123456789{}/{key}{hex}",
            &uuid[..0]
        ),
        format!(
            "https://acme.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{}/{uuid}",
            &hex[..32]
        ),
        format!("eyJ{}.eyJ{}.{key}", &key[..24], &key[4..28]),
        format!("M{}.G{}.{key}", &key[..23], &key[2..7]),
        format!("123456789:AA{key}x"),
        format!("SK{}", &hex[..32]),
        format!("abC8Q~{}9", &key[..32]),
        format!("pat{}.{hex}{}", &key[..14], &hex[..24]),
        format!("{}_{}_mmk", &key[..6], &key[1..30]),
        format!("{}.atlasv1.{key}{key}", &small[..14]),
        format!(
            "sc_{}.ab12.acc_{}.{key}{}",
            &small[..12],
            &small[..14],
            &small[..8]
        ),
    ] {
        for (before, after) in [
            ("It is ", ", I think."),
            ("\"", "\""),
            ("x = '", "'"),
            (r#"{\"a\":\""#, r#"\"}"#),
        ] {
            finds(&format!("{before}{secret}{after}"), &secret);
        }
    }
}

#[test]
fn each_value_of_a_kubernetes_secret_is_found_on_either_side_of_its_kind() {
    let data = "data:\n  # a comment\n  user: YWRtaW5pc3RyYXRvcg==\n  ca.pem: |\n    LS0tLS1CRUdJTiBDRVJU\n  empty: \"\"\n";
    let kind = "kind: Secret\n";
    for text in [
        format!("apiVersion: v1\n{kind}{data}type: Opaque\n"),
        format!("{data}{kind}"),
    ] {
        assert_eq!(
            found(&text),
            ["YWRtaW5pc3RyYXRvcg==", "LS0tLS1CRUdJTiBDRVJU"],
            "{text}"
        );
    }
    for text in [
        format!("kind: ConfigMap\n{data}"),
        format!("{kind}---\n{data}"),
        format!("kind: SecretStore\n{data}"),
        data.to_owned(),
    ] {
        assert!(found(&text).is_empty(), "{text}");
    }
}

#[test]
fn no_text_takes_a_secret_s_scan_more_than_linear_time() {
    for unit in [
        "password is a ",
        "token: token ",
        "api_key=\"",
        "<password>",
        "name: token\n value",
        "://a:",
        "://a:b@",
        "curl -u a:",
        "data:\n",
        "kind: Secret\n",
        "kind: Secret\ndata:\n  a: b\n",
        "-u ",
        " -p",
        "mysql -p",
        "identified by ",
        "key key key ",
        "passpass",
        "password_",
        "the password for ",
        "bearer ",
        "SK0",
        "a.b.",
        "\\\"token\\\":",
        "clé API ",
        "=a1b2c3d4e5f6g7h8",
        "secret = [",
        "hf_",
        "sk-a1-",
    ] {
        let text = unit.repeat((1 << 16) / unit.len());
        let mut spans = Vec::new();
        // Not timed: what is quadratic would take minutes.
        scan(&text, Kinds::ALL, &mut spans);
        assert!(
            spans
                .iter()
                .all(|span| text.get(span.start..span.end).is_some()),
            "{unit:?}"
        );
    }
}

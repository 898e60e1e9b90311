//! Texts that only look like a secret: placeholders, code, and names that mean something else.

use super::{found, keys};

#[test]
fn what_stands_for_a_secret_is_left_alone() {
    for value in [
        "$TOKEN",
        "${TOKEN}",
        "$(cat token)",
        "{{ token }}",
        "{{.Values.token}}",
        "<token>",
        "<your-token-here>",
        "your-api-key-here",
        "YOUR_API_KEY",
        "changeme",
        "CHANGE_ME_123",
        "xxxxxxxxxxxxxxxx",
        "XXXX-XXXX-XXXX-1234",
        "****************",
        "............",
        "EXAMPLE_TOKEN_123",
        "%TOKEN%",
        "@TOKEN@",
        "${{ secrets.TOKEN }}",
        "process.env.TOKEN",
        "get_token(user1)",
        "config.token2",
        "null",
        "undefined",
        "String",
        "Option<String>",
        "&'static str",
        "SecretStr",
        "os.environ[\"X1\"]",
        "/run/secrets/token1",
        "./certs/key1.pem",
        "https://auth.example.com/v1/token",
        "vault:secret/data/app1",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "0000000000000000",
        "ENC[AES256_GCM,data:x1]",
        "required",
        "",
        "[REDACTED]",
        "4096",
        "true",
        "…",
    ] {
        for name in ["api_token", "password", "client_secret", "senha"] {
            for form in [
                "{n} = {v}",
                "{n}: \"{v}\"",
                "{n}={v}",
                "{\"{n}\": \"{v}\"}",
                "--{n} {v}",
                "<{n}>{v}</{n}>",
            ] {
                // What is code without quotes would be a value with them.
                let code = value.contains(['(', '.', '[']) && !value.contains(['/', '{']);
                if code && form.contains(['"', '<']) {
                    continue;
                }
                let text = form.replace("{n}", name).replace("{v}", value);
                assert!(found(&text).is_empty(), "{text} gives {:?}", found(&text));
            }
        }
    }
}

#[test]
fn names_about_secrets_and_other_keys_give_none() {
    let [key, small, hex, _, uuid] = keys(5);
    for name in [
        "public_key",
        "primaryKey",
        "foreign_key",
        "cache_key",
        "bucket_key",
        "sort-key",
        "csrf_token",
        "next_page_token",
        "token_type",
        "token_count",
        "secret_name",
        "key_id",
        "kms_key_id",
        "credentialsId",
        "api_version",
        "author",
        "keyboard",
        "monkey",
        "passwordless",
        "tokenizer",
        "token_url",
        "password_policy",
        "keyVaultName",
        "keystore_file",
        "UserSecretsId",
        "accessor",
        "publicToken",
        "compass",
        "bypass",
        "passenger",
    ] {
        for value in [&key, &small, &hex, &uuid] {
            for form in ["{n} = \"{v}\"", "\"{n}\": \"{v}\"", "{n}={v}"] {
                let text = form.replace("{n}", name).replace("{v}", value);
                assert!(found(&text).is_empty(), "{text}");
            }
        }
    }
    for text in [
        "password combination.\n\nR5: Regulatory--21",
        "pass `--release` to cargo",
        "Pass AWS credentials to `bedrock1(...)`",
        "the token is expired since 2024-01-02",
        "def login(user, password=None):",
        "password = input(\"Password: \")",
        "if (token === null) return;",
        "let token = tokens[i + 1];",
        "assert password == other.password1",
        "SELECT password FROM users WHERE id = 12",
        "password: String!",
        "type: \"password\", required: true",
        "the key is under the mat",
        "key: value1",
        "tokens: 128000",
        "passwd\t1:4.13+dfsg1-1",
        "import { chain1_Key, chain2_Key } from '../x1/constants';",
    ] {
        assert!(found(text).is_empty(), "{text} gives {:?}", found(text));
    }
}

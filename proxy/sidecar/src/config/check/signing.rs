//! `policies.signers` and what goes with it.

use super::Check;
use crate::{
    config::{Use, file::Text, problems::Path},
    signing::{Digest, PublicKey, Trust, unhex},
};

impl Check<'_> {
    /// `at` is `policies`.
    pub(super) fn trust(
        &mut self,
        at: &Path,
        signers: Option<Vec<Text>>,
        require: Option<bool>,
        guard: Option<bool>,
    ) -> Trust {
        let signers_at = at.key("signers");
        let there = signers.is_some();
        if signers.as_ref().is_some_and(Vec::is_empty) {
            self.problem(
                &signers_at,
                "names nobody; write a key as `outrigger policy keygen` makes it, or leave the key out",
            );
        }
        let mut keys: Vec<PublicKey> = Vec::new();
        for (n, written) in signers.iter().flatten().enumerate() {
            let at = signers_at.index(n);
            for key in self.signer(&at, written) {
                if keys.contains(&key) {
                    self.problem(&at, format!("names key {} twice; remove one", key.id()));
                } else {
                    keys.push(key);
                }
            }
        }
        if !there {
            for (key, on) in [("require_signed", require), ("rollback_guard", guard)] {
                if on == Some(true) {
                    self.problem(
                        &at.key(key),
                        "can't hold without `policies.signers`; add whose signatures are believed",
                    );
                }
            }
        }
        let require = require.unwrap_or(there);
        Trust {
            signers: keys,
            require,
            rollback_guard: guard.unwrap_or(require),
        }
    }

    fn signer(&mut self, at: &Path, written: &Text) -> Vec<PublicKey> {
        let Some(text) = self.text(at, Some(written)) else {
            return Vec::new();
        };
        let from_file = text.starts_with("file:");
        let Some(text) = self.read_secret(at, text) else {
            return Vec::new();
        };
        match PublicKey::parse_all(&text) {
            Ok(keys) => keys,
            Err(why) if from_file => {
                self.problem(at, format!("names a file that {why}"));
                Vec::new()
            }
            Err(why) => {
                self.problem(at, why);
                Vec::new()
            }
        }
    }

    /// Reports each `allow_rollback` without effect as a mistake.
    pub(super) fn rollbacks(&mut self, at: &Path, chain: &[Use], trust: &Trust) {
        for (n, policy) in chain.iter().enumerate() {
            if policy.allow_rollback && !trust.rollback_guard {
                self.problem(
                    &at.key("chain").index(n).key("allow_rollback"),
                    "has no effect, as nothing is guarded against going back; remove it, or set `policies.rollback_guard`",
                );
            }
        }
    }

    pub(super) fn pin(&mut self, at: &Path, written: Option<&Text>) -> Option<Digest> {
        self.parsed(at, written, None, |text| {
            let bare = text.strip_prefix("sha256:").unwrap_or(text);
            match unhex(&bare.to_ascii_lowercase()) {
                Some(digest) => Ok(Some(digest)),
                None => Err(format!(
                    "`{text}` is no SHA-256; write the 64 hexadecimal digits that `sha256sum NAME.wasm` prints"
                )),
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::{
        config::{
            Config,
            tests::{self, rows},
        },
        signing::SecretKey,
    };

    fn parse(policies: &str) -> Result<Config, String> {
        let folder = std::env::temp_dir();
        let yaml = format!("policies:\n  directory: {}\n{policies}", folder.display());
        tests::parse(&yaml).map_err(|problems| problems.to_string())
    }

    fn key() -> String {
        SecretKey::generate().unwrap().0.public().to_string()
    }

    #[test]
    fn signers_alone_require_signatures_and_guard_against_rollback() {
        let trust = parse(&format!("  signers: ['{}']\n", key()))
            .unwrap()
            .policies
            .trust;
        assert_eq!(
            (trust.signers.len(), trust.require, trust.rollback_guard),
            (1, true, true)
        );
        let trust = parse(&format!(
            "  signers: ['{}']\n  require_signed: false\n",
            key()
        ))
        .unwrap()
        .policies
        .trust;
        assert_eq!((trust.require, trust.rollback_guard), (false, false));
        let trust = parse("").unwrap().policies.trust;
        assert_eq!(trust, crate::signing::Trust::default());
    }

    #[test]
    fn signers_are_read_from_a_file_with_several_keys_and_the_file_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("team.pub");
        std::fs::write(&file, format!("# team\n{}\n\n{}\n", key(), key())).unwrap();
        let config = parse(&format!("  signers: ['file:{}']\n", file.display())).unwrap();
        assert_eq!(config.policies.trust.signers.len(), 2);
        assert_eq!(config.files, [file]);
    }

    #[test]
    fn each_mistake_is_reported_with_its_key() {
        let (one, secret) = (key(), SecretKey::generate().unwrap().1.to_string());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.key");
        std::fs::write(&file, &secret).unwrap();
        let table = r#"
              require_signed: true
                => policies.require_signed: can't hold without `policies.signers`
              rollback_guard: true => policies.rollback_guard: can't hold
              signers: [] => policies.signers: names nobody
              signers: ['ed25519:abc'] => policies.signers[0]: is no public key
              signers: ['KEY', 'KEY'] => policies.signers[1]: names key
              signers: ['file:/none.pub']
                => policies.signers[0]: names a file that can't be read
              signers: ['file:SECRET'] => names a file that is a secret key
              chain: [{ use: a, sha256: 12ab }]
                => policies.chain[0].sha256: `12ab` is no SHA-256
              chain: [{ use: a, allow_rollback: true }]
                => policies.chain[0].allow_rollback: has no effect
              signers: ['KEY']\n  require_signed: false\n  chain: [{ use: a, allow_rollback: true }]
                => policies.chain[0].allow_rollback: has no effect
        "#;
        let table = table.replace("KEY", &one);
        for (yaml, words) in rows(&table.replace("SECRET", &file.display().to_string())) {
            let said = parse(&format!("  {yaml}\n")).unwrap_err();
            assert!(said.contains(words[0]), "{yaml}: {said}");
            assert!(!said.contains(secret.lines().nth(1).unwrap()), "{said}");
        }
    }

    #[test]
    fn a_pin_is_read_as_sha256sum_prints_it_or_with_its_scheme() {
        let digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for written in [
            digits.to_owned(),
            digits.to_uppercase(),
            format!("sha256:{digits}"),
        ] {
            let config = parse(&format!("  chain: [{{ use: a, sha256: '{written}' }}]\n")).unwrap();
            let pin = config.policies.chain[0].sha256.unwrap();
            assert_eq!(crate::signing::hex(&pin), digits);
        }
    }
}

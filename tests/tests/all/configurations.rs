//! Every configuration that the project shows: it is valid by the schema that `check --schema`
//! prints, and `check` accepts it. And the mistakes that only a loaded policy can find.

use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger_tests::sidecar::{self, run_to_end};
use outrigger_tests::{root, target};
use serde_json::{Value, json};

const ENVIRONMENT: [(&str, &str); 3] = [
    ("OPENAI_API_KEY", "sk-test"),
    ("ANTHROPIC_API_KEY", "sk-test"),
    ("HOOK_TOKEN", "t"),
];

/// A configuration, and where it stands.
struct Shown {
    place: String,
    yaml: String,
}

fn policies() -> String {
    let module = sidecar::policy("pii-redact");
    module.parent().unwrap().display().to_string()
}

fn schema() -> Value {
    let (code, said) = run_to_end(&["check", "--schema"], &root(), &[]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap()
}

/// Files below `folder` that end in `suffix`, without what was built.
fn files(folder: &Path, suffix: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != ".git" {
            files(&path, suffix, found);
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
}

pub(super) fn all_files(suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), suffix, &mut found);
    found.sort();
    found
}

/// The YAML blocks of a document, each with its line.
pub(super) fn yaml_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (n, line) in text.lines().enumerate() {
        let is_delimiter = line.trim_start().starts_with("```");
        match &mut open {
            Some(_) if is_delimiter => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if is_delimiter && line.trim().trim_start_matches('`').starts_with("yaml") => {
                open = Some((n + 1, String::new()));
            }
            None => {}
        }
    }
    blocks
}

/// A block as a whole configuration: entries of a chain get the chain around them. `None` where it
/// is something else, by a sign that it has.
fn configuration(yaml: &str, place: &str) -> Option<Value> {
    let mut value: Value =
        serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{place}: {error}"));
    let foreign = [
        "apiVersion",
        "kind",
        "cases",
        "spec",
        "metadata",
        "image",
        "webhook",
    ];
    let part_of_a_policy = |item: &Value| item.get("use").is_none();
    match &mut value {
        Value::Object(keys) if foreign.iter().any(|key| keys.contains_key(*key)) => return None,
        Value::Object(_) => {}
        Value::Array(items) if items.iter().any(part_of_a_policy) => return None,
        Value::Array(_) => value = json!({ "policies": { "chain": value } }),
        _ => panic!("{place}: neither a configuration nor a part of one"),
    }
    Some(value)
}

fn shown() -> Vec<Shown> {
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let mut shown = Vec::new();
    for path in all_files(".md") {
        for (line, yaml) in yaml_blocks(&std::fs::read_to_string(&path).unwrap()) {
            let place = format!("{}:{line}", name(&path));
            shown.push(Shown { place, yaml });
        }
    }
    for path in all_files(".yaml") {
        let inside = [
            "examples",
            "deploy/kustomize/examples",
            "deploy/compose/outrigger.yaml",
        ];
        let ours = inside
            .iter()
            .any(|folder| path.starts_with(root().join(folder)));
        // prices are a file that a configuration names
        let ours = ours && !path.ends_with("prices.yaml");
        let yaml = std::fs::read_to_string(&path).unwrap();
        if ours && !yaml.contains("\n---\n") && !yaml.contains("{{") {
            let place = name(&path);
            shown.push(Shown { place, yaml });
        }
    }
    shown.extend(in_manifests());
    shown
}

/// The configurations inside of ConfigMaps.
fn in_manifests() -> Vec<Shown> {
    let deploy = root().join("deploy");
    let plain = all_files(".yaml").into_iter().filter(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let helm = path.starts_with(deploy.join("helm"));
        !helm && text.contains("kind: ConfigMap") && text.contains("outrigger.yaml:")
    });
    let output = Command::new("python3")
        .arg(root().join("tests/clients/manifests.py"))
        .arg("--configs")
        .args(plain)
        .env("PYTHONPATH", target().join("python"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let found: Vec<(String, String)> = serde_json::from_slice(&output.stdout).unwrap();
    let shown = |(place, yaml)| Shown { place, yaml };
    found.into_iter().map(shown).collect()
}

#[test]
fn every_configuration_that_the_project_shows_is_valid_by_the_printed_schema_and_accepted() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for Shown { place, yaml } in shown() {
        let Some(value) = configuration(&yaml, &place) else {
            continue;
        };
        for error in validator.iter_errors(&value) {
            wrong.push(format!("{place}: {}: {error}", error.instance_path()));
        }
        if let Some(said) = refused(value) {
            wrong.push(format!("{place}: check says: {said}"));
        }
        seen.push(place);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for expected in [
        "README.md",
        "plugins/budget/README.md",
        "plugins/token-rate-limit/README.md",
        "examples/outrigger.yaml",
        "examples/support-router/outrigger.yaml",
        "sidecar.yaml",
        "deploy/kustomize/examples/base-url/outrigger.yaml",
    ] {
        assert!(
            seen.iter().any(|place| place.contains(expected)),
            "{expected} is not among {seen:?}"
        );
    }
}

/// Has `check` load it, with this build's policies and with files where it names some; `None` where
/// it is right.
fn refused(mut config: Value) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "sk-test\n").unwrap();
    std::fs::write(
        folder.path().join("prices.yaml"),
        "models: { a: { input: 1, output: 2 } }\n",
    )
    .unwrap();
    if let Some(policies_section) = config.get_mut("policies") {
        policies_section["directory"] = policies().into();
        policies_section["cache"] = target().join("test-cache").display().to_string().into();
    }
    if let Some(prices) = config.get_mut("prices").filter(|p| p["file"].is_string()) {
        prices["file"] = folder
            .path()
            .join("prices.yaml")
            .display()
            .to_string()
            .into();
    }
    for upstream in config
        .get_mut("upstreams")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        let Some(written) = upstream.1.as_object_mut() else {
            continue;
        };
        let keys = written.iter_mut().flat_map(|(name, value)| match value {
            Value::String(_) if name == "key" => vec![value],
            Value::Array(several) if name == "keys" => several
                .iter_mut()
                .map(|key| match key {
                    Value::Object(_) => &mut key["key"],
                    key => key,
                })
                .collect(),
            _ => Vec::new(),
        });
        for key in keys {
            if key.as_str().is_some_and(|key| key.starts_with("file:")) {
                *key = format!("file:{}", secret.display()).into();
            }
        }
    }
    let (code, said) = check(folder.path(), &serde_yaml::to_string(&config).unwrap());
    let is_warned = said.contains("warning: ");
    (code != Some(0) || is_warned).then_some(said)
}

fn check(folder: &Path, yaml: &str) -> (Option<i32>, String) {
    std::fs::write(folder.join("outrigger.yaml"), yaml).unwrap();
    run_to_end(
        &["check", "--config", "outrigger.yaml"],
        folder,
        &ENVIRONMENT,
    )
}

#[test]
fn check_finds_what_a_policy_would_refuse_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (entry, words) in [
        (
            "{ use: pii-redactor }",
            &[
                "chain[0]",
                "pii-redactor",
                "no `pii-redactor.wasm`",
                "did you mean `pii-redact`?",
            ][..],
        ),
        (
            "{ use: token-rate-limit, config: { rules: [{ per: tenant, tokens: 10, every: 1m }] } }",
            &["token-rate-limit", "limits"],
        ),
        (
            "{ use: pii-redact, config: { mode: tokenise } }",
            &["pii-redact", "mode", "`tokenize`", "  1 | "],
        ),
        (
            "{ use: pii-redact, config: { detect: [e-mail] } }",
            &["pii-redact", "detect"],
        ),
        (
            "{ use: pii-redact, config: { mode: refuse, mask: true } }",
            &["pii-redact", "mask"],
        ),
    ] {
        let yaml = format!(
            "policies: {{ directory: '{}', cache: '{}', chain: [{entry}] }}",
            policies(),
            target().join("test-cache").display()
        );
        let (code, said) = check(folder.path(), &yaml);
        assert_eq!(code, Some(2), "{entry}: {said}");
        for word in words {
            assert!(said.contains(word), "{entry} lacks {word}: {said}");
        }
    }
}

#[test]
fn check_shows_the_line_and_says_what_looks_wrong_and_what_it_could_not_check() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "listen:\n\tbase_url: 127.0.0.1:1\n";
    let (code, said) = check(folder.path(), yaml);
    assert_eq!(code, Some(2), "{said}");
    for words in [
        "outrigger.yaml:2:1: is indented with a tab",
        "\n  2 | →base_url",
        "\n    | ^",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let yaml =
        "upstreams: { a: { dialect: openai, url: 'https://api.openai.com', key: sk-not-a-key } }\n";
    let (code, said) = check(folder.path(), yaml);
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "warning: outrigger.yaml:1:41: upstreams.a.url: has no path, and openai serves",
        "upstreams.a.key: is in the file itself",
        "not checked: upstreams and their keys, as nothing is sent: a",
        "not checked: whether 127.0.0.1:4141 and 127.0.0.1:4190 are free",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("sk-not-a-key"), "{said}");
    // Elsewhere, what the pod alone has is no mistake, and nothing is passed over in silence.
    let yaml = "upstreams: { a: { dialect: openai, url: 'https://x.example/v1', key: '${NOT_HERE}' } }\npolicies: { directory: /not/here, chain: [{ use: pii-redact }] }\n";
    let (code, said) = check(folder.path(), yaml);
    assert_eq!(code, Some(2), "{said}");
    let elsewhere = ["check", "--config", "outrigger.yaml", "--elsewhere"];
    let (code, said) = run_to_end(&elsewhere, folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "not checked: upstreams.a.key the environment has no `NOT_HERE`",
        "not checked: policies.directory can't be read",
        "not checked: the policies, their grants and their configurations",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

//! The image and the examples; the manifests have their own files, `deploy_…`.

use std::collections::BTreeSet;

/// The Dockerfile's instructions: comments left out, continued lines put together.
fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(outrigger_tests::root().join("deploy/Dockerfile")).unwrap();
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .collect();
    text.join("\n")
        .replace("\\\n", " ")
        .lines()
        .map(|line| {
            let (name, rest) = line
                .split_once(' ')
                .expect("an instruction and what it is about");
            (
                name.to_owned(),
                rest.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

#[test]
fn the_image_is_small_and_runs_as_nobody_without_a_shell() {
    let all = instructions();
    let known = "FROM WORKDIR COPY RUN ARG LABEL ENV USER EXPOSE ENTRYPOINT CMD";
    for (name, rest) in &all {
        assert!(known.split(' ').any(|known| known == name), "{name} {rest}");
    }
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    assert!(last > 0, "more than one stage");
    let (build, image) = all.split_at(last);
    assert!(
        image[0].1.starts_with("gcr.io/distroless/"),
        "{:?}",
        image[0]
    );
    for (name, rest) in all.iter().filter(|(name, _)| name == "FROM") {
        assert!(
            !rest.contains(":latest") && rest.contains(':'),
            "{name} {rest}"
        );
    }
    let of = |name: &str| -> Vec<&str> {
        let found = image.iter().filter(|(n, _)| n == name);
        found.map(|(_, rest)| rest.as_str()).collect()
    };
    assert_eq!(of("USER"), ["13370:13370"]);
    assert!(of("RUN").is_empty(), "nothing is built in the last stage");
    // The exec form: there is no shell that could read another.
    assert_eq!(of("ENTRYPOINT"), [r#"["/usr/local/bin/outrigger"]"#]);
    assert_eq!(
        of("CMD"),
        [r#"["run", "--config", "/etc/outrigger/config/outrigger.yaml"]"#]
    );
    for port in ["4141", "4142", "4190", "8443", "15001", "15006"] {
        assert!(
            of("EXPOSE")[0].split(' ').any(|other| other == port),
            "{port}"
        );
    }

    // Each copied file was put there, and goes where the rest expects it.
    let run = &build.iter().find(|(name, _)| name == "RUN").unwrap().1;
    assert!(run.contains("make build"), "{run}");
    for copy in of("COPY") {
        let words: Vec<&str> = copy
            .split(' ')
            .filter(|word| !word.starts_with("--"))
            .collect();
        assert!(copy.starts_with("--from=build "), "{copy}");
        let from = words[0].strip_prefix("/out").unwrap();
        let made = run.contains(&format!("/out{from} "))
            || run.contains(&format!("target/release{from} "));
        assert!(made, "nothing makes {}", words[0]);
    }
    assert!(
        of("COPY").contains(&"--from=build --chown=13370:13370 /out/cache /var/cache/outrigger")
    );
    assert!(of("ENV").contains(&"XDG_CACHE_HOME=/var/cache"));
    // Where the sidecar looks for them: `share` beside the `bin` of its entry point.
    assert!(
        of("COPY").contains(&"--from=build /out/functions /usr/local/share/outrigger/functions")
    );
    assert!(run.contains("policy precompile --into /out/functions /out/policies/*.wasm"));
}

#[test]
fn the_image_holds_every_standard_policy_and_says_what_it_is() {
    let root = outrigger_tests::root();
    let standard: BTreeSet<String> = std::fs::read_dir(root.join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let all = instructions();
    let run = &all.iter().find(|(name, _)| name == "RUN").unwrap().1;
    let (_, list) = run.split_once("for policy in ").unwrap();
    let (list, rest) = list.split_once(';').unwrap();
    let copied: BTreeSet<String> = list.split(' ').map(str::to_owned).collect();
    assert_eq!(copied, standard);
    assert!(
        rest.contains(r#"cp "target/policies/$policy.wasm" /out/policies/"#),
        "{rest}"
    );
    for policy in &standard {
        assert!(
            outrigger_tests::sidecar::policy(policy).exists(),
            "{policy}"
        );
    }

    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, version) = manifest.split_once("\nversion = \"").unwrap();
    let (version, _) = version.split_once('"').unwrap();
    assert!(all.contains(&("ARG".to_owned(), format!("VERSION={version}"))));
    let label = &all.iter().find(|(name, _)| name == "LABEL").unwrap().1;
    for key in [
        "title",
        "description",
        "source",
        "documentation",
        "licenses",
        "version",
        "revision",
    ] {
        assert!(
            label.contains(&format!("org.opencontainers.image.{key}=\"")),
            "{key}"
        );
    }
    // The builder copies everything but these: git's own files and what was built, in whichever crate's folder.
    let ignored = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    assert_eq!(ignored.lines().collect::<Vec<_>>(), [".git", "**/target"]);
}

#[test]
fn every_example_configuration_is_accepted() {
    let root = outrigger_tests::root();
    let policies = outrigger_tests::sidecar::policy("pii-redact")
        .parent()
        .unwrap()
        .display()
        .to_string();
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("examples"))
        .unwrap()
        .map(Result::unwrap)
    {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let environment = [
                ("OPENAI_API_KEY", "sk-test"),
                ("ANTHROPIC_API_KEY", "sk-test"),
                ("OUTRIGGER_POLICIES", policies.as_str()),
            ];
            let (code, said) = outrigger_tests::sidecar::run_to_end(
                &["check", "--config", path.to_str().unwrap()],
                &root,
                &environment,
            );
            assert_eq!(code, Some(0), "{}: {said}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 3);
}

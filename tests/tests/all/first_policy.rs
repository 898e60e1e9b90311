//! The README's first policy: from `policy new` to what a sidecar serves, and from a saved source
//! to what it serves then, by the commands as they are written there.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, root, sidecar, target};
use rustix::process::{Pid, Signal, kill_process};

use super::config;

/// The commands of the README's section, with this build's programs and the sidecar's directory in
/// the places of those that a reader has.
fn commands(policies: &Path) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## A first policy\n").unwrap();
    let (_, block) = section.split_once("\n```sh\n").unwrap();
    let (block, _) = block.split_once("\n```").unwrap();
    let binaries = sidecar::binary().parent().unwrap().display().to_string();
    let placed = [
        ("$PWD/target/quick", binaries.as_str()),
        ("$PWD/target/policies", policies.to_str().unwrap()),
    ];
    for (theirs, _) in placed {
        assert!(block.contains(theirs), "`{theirs}` is not in:\n{block}");
    }
    let own = (placed.iter()).fold(block.to_owned(), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    });
    own.lines().map(str::to_owned).collect()
}

/// A shell in a folder, whose builds share a folder with those of the run before.
fn shell(script: &str, folder: &Path, output: &Path) -> Command {
    let file = File::create(output).unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-exc", script])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target().join("scaffold"))
        .env_remove("CARGO_MANIFEST_DIR")
        .stdout(file.try_clone().unwrap())
        .stderr(file);
    command
}

/// A command that goes on until it is interrupted.
struct Running(Child);

impl Running {
    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        let _ = kill_process(pid, Signal::INT);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.interrupt();
        let _ = self.0.wait();
    }
}

#[test]
fn the_readmes_first_policy_serves_and_so_does_each_change_that_passes_its_cases() {
    let upstream = Upstream::start(|_, _| {
        vec![Step::Send(replies::json_body(
            &Api::Chat.whole("<project> is fine"),
        ))]
    });
    let sidecar = Sidecar::start(&config(&upstream, "[]"));
    let folder = tempfile::tempdir().unwrap();
    let policies = sidecar.folder.path().join("policies");
    let mut commands = commands(&policies);
    let develop = commands.pop().unwrap();
    assert!(develop.starts_with("outrigger policy dev "), "{develop}");
    let develop = format!("{}\nexec {develop}", commands[0]); // the first sets the path

    let output = folder.path().join("walk");
    let ended = shell(&commands.join("\n"), folder.path(), &output).status();
    let said = fs::read_to_string(&output).unwrap();
    assert!(ended.unwrap().success(), "{said}");
    for part in [
        "my-policy/ is written",
        "2 passed; 0 failed",
        "my-policy/my-policy.wasm (",
        "\n2 cases pass\n",
        "hooks     request, reply",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }

    let before = sidecar.generation();
    let chain = "[{ use: my-policy, config: { hide: Apollo, show: \"<project>\" } }]";
    sidecar.reconfigure(&config(&upstream, chain));
    eventually("the chain has the policy", || sidecar.generation() > before);
    let post = |model: &str| {
        let request = Api::Chat.ask(model, "How is Apollo?", false);
        sidecar.post(Api::Chat.path(), request.to_string())
    };
    let read = post("m").text();
    assert!(read.contains("Apollo is fine"), "{read}");
    let sent = upstream.last().json().to_string();
    assert!(sent.contains("How is <project>?"), "{sent}");

    let own = folder.path().join("my-policy");
    let output = folder.path().join("develop");
    let running = shell(&develop, &own, &output).spawn();
    let running = Running(running.unwrap());
    let says = |count: usize, text: &str| {
        eventually(text, || {
            let said = fs::read_to_string(&output).unwrap();
            said.matches(text).count() >= count
        });
    };
    let source = own.join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in:\n{text}");
        fs::write(&source, text.replacen(from, to, 1)).unwrap();
    };
    let placed = || fs::read(policies.join("my-policy.wasm")).unwrap();
    says(1, "placed   ");
    let first = placed();
    change("export_policy!", "export_policy!!");
    says(1, "failed   my-policy does not build; see above");
    change(
        "replace(&self.hide, &self.show)",
        "replace(&self.hide, \"x\")",
    );
    says(1, ": 1 of 2 cases of ");
    assert!(placed() == first, "what fails its cases is not placed");
    assert_eq!(post("old").status, 200);
    change(
        "        Decision::Forward\n",
        "        match request.model() {\n            Some(\"old\") => Decision::refuse(403, \"gone\"),\n            _ => Decision::Forward,\n        }\n",
    );
    says(2, "placed   ");
    eventually("the sidecar serves the change", || {
        post("old").status == 403
    });
    assert_eq!(post("m").status, 200);
    drop(running);
    let said = fs::read_to_string(&output).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

//! Containers of an injected pod, run as a kubelet runs them, by podman: init containers in their
//! order, a sidecar once its startup probe succeeds, then the app; all in one network namespace.
//!
//! Podman is given what the pod's spec says of users, capabilities, roots, variables, arguments,
//! mounts and memory, so that an injected pod is tried as it is written. Podman's storage is a
//! folder that goes with the [`Kubelet`].

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Once;

use serde_yaml::Value;

use crate::netns::{Pod, Side, open_to_all, output_of};
use crate::wire;

/// Open files and processes of a container: podman's own default is more than a container in a
/// container may have.
const LIMITS: [&str; 2] = ["nofile=4096:4096", "nproc=4096:4096"];
/// The name of the image under test.
pub const IMAGE: &str = "localhost/outrigger-test:1";

fn say_untested(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Not `eprintln!`: of a test that passes, that would not be seen.
        let _ = writeln!(
            std::io::stderr(),
            "\nNOT TESTED: the image in a pod of containers: {why}\n"
        );
    });
}

/// A container engine with storage of its own.
pub struct Kubelet {
    storage: tempfile::TempDir,
}

impl Kubelet {
    /// Starts one; `None`, said loudly, where there is no podman with runc, or no root.
    pub fn start() -> Option<Self> {
        let storage = tempfile::tempdir().unwrap();
        let kubelet = Self { storage };
        let tried = kubelet
            .podman(&["info", "--format", "{{.Host.OCIRuntime.Name}}"])
            .output();
        let why = match tried {
            _ if !rustix::process::geteuid().is_root() => "it needs root".to_owned(),
            Err(_) => "no podman: apt-get install podman runc".to_owned(),
            Ok(output) if output.status.success() => return Some(kubelet),
            Ok(output) => output_of(&output).1,
        };
        say_untested(&why);
        None
    }

    fn podman(&self, words: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        let folder = |name: &str| self.storage.path().join(name);
        command.arg("--root").arg(folder("storage"));
        command.arg("--runroot").arg(folder("run"));
        command.args(words);
        command
    }

    /// Runs podman, which succeeds; its standard output.
    pub fn run(&self, words: &[&str]) -> String {
        let output = self.podman(words).output().unwrap();
        assert!(
            output.status.success(),
            "podman {words:?}: {}",
            output_of(&output).1
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Builds [`IMAGE`] of a folder with a `Containerfile`. False, said loudly, where this machine
    /// may build and not run: in a container without the rights to make others.
    pub fn build(&self, context: &Path) -> bool {
        let file = context.join("Containerfile");
        let at = |path: &Path| path.to_str().unwrap().to_owned();
        let (file, context) = (at(&file), at(context));
        self.run(&[
            "build", "--quiet", "--tag", IMAGE, "--file", &file, &context,
        ]);
        let [files, processes] = LIMITS;
        let words = [
            "run",
            "--rm",
            "--network",
            "none",
            "--ulimit",
            files,
            "--ulimit",
            processes,
        ];
        let output = self
            .podman(&words)
            .args([IMAGE, "--version"])
            .output()
            .unwrap();
        let (code, said) = output_of(&output);
        if code != Some(0) && said.contains("not permitted") {
            say_untested(&said);
            return false;
        }
        assert_eq!(code, Some(0), "{said}");
        true
    }

    /// Runs a pod's init containers, and its sidecar until that has started. `config_maps` has a
    /// folder per ConfigMap.
    pub fn pod<'a>(&'a self, pod: &'a Pod, manifest: &str, config_maps: &Path) -> Running<'a> {
        let manifest: Value = serde_yaml::from_str(manifest).unwrap();
        let volumes = tempfile::tempdir_in(pod.folder.path()).unwrap();
        open_to_all(volumes.path());
        let running = Running {
            kubelet: self,
            pod,
            spec: manifest["spec"].clone(),
            name: text(&manifest["metadata"]["name"]),
            volumes,
        };
        running.make_volumes(config_maps);
        for one in items(&running.spec["initContainers"]) {
            if one["restartPolicy"] == "Always" {
                running.start(one, true);
                running.until_started(one);
            } else {
                let output = running.start(one, false);
                assert!(output.status.success(), "{}", output_of(&output).1);
            }
        }
        running
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        // Its mounts must be gone before the folder can go.
        let _ = self
            .podman(&["rm", "--all", "--force", "--time", "0"])
            .output();
        let _ = self.podman(&["rmi", "--all", "--force"]).output();
    }
}

/// A pod whose init containers have run and whose sidecar is up.
pub struct Running<'a> {
    kubelet: &'a Kubelet,
    pod: &'a Pod,
    spec: Value,
    name: String,
    volumes: tempfile::TempDir,
}

impl Running<'_> {
    /// Runs the app's only container to its end.
    pub fn app(&self) -> Output {
        self.start(&items(&self.spec["containers"])[0], false)
    }

    /// A line of `/proc/PID/status` of a container's first process.
    pub fn status(&self, container: &str, line: &str) -> String {
        let name = self.name_of(container);
        let pid = self
            .kubelet
            .run(&["inspect", "--format", "{{.State.Pid}}", &name]);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let found = status
            .lines()
            .find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
        found
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Ends a container by SIGTERM, as the kubelet does; its exit code and its log.
    pub fn end(&self, container: &str) -> (String, String) {
        let name = self.name_of(container);
        self.kubelet.run(&["stop", "--time", "20", &name]);
        let code = self
            .kubelet
            .run(&["inspect", "--format", "{{.State.ExitCode}}", &name]);
        (code, self.log(container))
    }

    /// A container's log.
    pub fn log(&self, container: &str) -> String {
        let output = self
            .kubelet
            .podman(&["logs", &self.name_of(container)])
            .output();
        output_of(&output.unwrap()).1
    }

    fn name_of(&self, container: &str) -> String {
        format!("{}-{container}", self.name)
    }

    /// Empty folders and ConfigMaps, as the kubelet makes them before any container.
    fn make_volumes(&self, config_maps: &Path) {
        for volume in items(&self.spec["volumes"]) {
            let path = self.volumes.path().join(text(&volume["name"]));
            if !volume["emptyDir"].is_null() {
                std::fs::create_dir(&path).unwrap();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
                std::fs::set_permissions(&path, mode).unwrap();
            } else if !volume["configMap"].is_null() {
                std::fs::create_dir(&path).unwrap();
                let from = config_maps.join(text(&volume["configMap"]["name"]));
                let optional = volume["configMap"]["optional"] == true;
                assert!(from.exists() || optional, "no ConfigMap {}", from.display());
                for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
                    std::fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
                }
            }
        }
    }

    fn start(&self, container: &Value, detach: bool) -> Output {
        let namespace = format!("ns:/run/netns/{}", self.pod.name(Side::Pod));
        let name = self.name_of(&text(&container["name"]));
        let mut words: Vec<String> = ["run", "--name", &name, "--network", &namespace]
            .map(str::to_owned)
            .to_vec();
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        LIMITS
            .iter()
            .for_each(|limit| add("--ulimit", (*limit).to_owned()));
        for alias in items(&self.spec["hostAliases"]) {
            for host in items(&alias["hostnames"]) {
                add(
                    "--add-host",
                    format!("{}:{}", text(host), text(&alias["ip"])),
                );
            }
        }
        let security = &container["securityContext"];
        let (user, group) = (&security["runAsUser"], &security["runAsGroup"]);
        if let (Some(user), Some(group)) = (user.as_u64(), group.as_u64()) {
            add("--user", format!("{user}:{group}"));
        }
        for (list, flag) in [("drop", "--cap-drop"), ("add", "--cap-add")] {
            let all = items(&security["capabilities"][list]);
            all.iter().for_each(|one| add(flag, text(one)));
        }
        if security["allowPrivilegeEscalation"] == false {
            add("--security-opt", "no-new-privileges".to_owned());
        }
        if let Some(limit) = container["resources"]["limits"]["memory"].as_str() {
            add("--memory", limit.to_lowercase().replace("mi", "m"));
        }
        for variable in items(&container["env"]) {
            let value = match variable["value"].as_str() {
                Some(value) => value.to_owned(),
                None if variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name" => {
                    self.name.clone()
                }
                None => "default".to_owned(),
            };
            add("--env", format!("{}={value}", text(&variable["name"])));
        }
        for mount in items(&container["volumeMounts"]) {
            let volume = text(&mount["name"]);
            let all = items(&self.spec["volumes"]);
            let found = all.iter().find(|one| one["name"] == *volume).unwrap();
            let from = match found["hostPath"]["path"].as_str() {
                Some(path) => path.to_owned(),
                None => self.volumes.path().join(&volume).display().to_string(),
            };
            let mode = if mount["readOnly"] == true {
                "ro"
            } else {
                "rw"
            };
            add(
                "--volume",
                format!("{from}:{}:{mode}", text(&mount["mountPath"])),
            );
        }
        let mut command = items(&container["command"]).to_vec();
        if !command.is_empty() {
            add("--entrypoint", text(&command.remove(0)));
        }
        if security["readOnlyRootFilesystem"] == true {
            // Podman would put memory volumes at /tmp and /run; a kubelet does not.
            words.extend(["--read-only", "--read-only-tmpfs=false"].map(str::to_owned));
        }
        if detach {
            words.push("--detach".to_owned());
        }
        words.push(text(&container["image"]));
        words.extend(command.iter().chain(items(&container["args"])).map(text));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.kubelet.podman(&words).output().unwrap();
        assert!(
            !detach || output.status.success(),
            "{}",
            output_of(&output).1
        );
        output
    }

    /// Asks the startup probe as often as it says.
    fn until_started(&self, container: &Value) {
        let probe = &container["startupProbe"];
        let (path, port) = (text(&probe["httpGet"]["path"]), &probe["httpGet"]["port"]);
        let port = items(&container["ports"])
            .iter()
            .find(|one| one["name"] == *port)
            .and_then(|one| one["containerPort"].as_u64())
            .unwrap();
        let address = format!("{}:{port}", crate::netns::POD[0]).parse().unwrap();
        let name = text(&container["name"]);
        crate::eventually("the startup probe succeeds", || {
            let state = self.kubelet.run(&[
                "inspect",
                "--format",
                "{{.State.Status}}",
                &self.name_of(&name),
            ]);
            assert_eq!(state, "running", "{}", self.log(&name));
            self.pod.inside(Side::Pod, 0, || {
                std::net::TcpStream::connect(address).is_ok()
                    && wire::get(address, &path).status == 200
            })
        });
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_sequence().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value:?} is no text"))
        .to_owned()
}

//! `ca:`.

use std::path::PathBuf;

use super::Check;
use crate::config::{
    Ca,
    file::{self, Text},
    problems::Path,
};

impl Check<'_> {
    pub(super) fn ca(&mut self, written: file::Ca) -> Ca {
        let at = Path::default().key("ca");
        let default = Ca::default();
        let directory = self.directory(
            &at.key("directory"),
            written.directory.as_ref(),
            default.directory,
        );
        let bundle = self.directory(&at.key("bundle"), written.bundle.as_ref(), default.bundle);
        if directory == bundle {
            self.problem(
                &at.key(if written.bundle.is_some() { "bundle" } else { "directory" }),
                "is the same directory for the CA's key and its certificates; apps mount the latter, so give each its own",
            );
        }
        let roots_at = at.key("roots");
        let roots = self.roots(&roots_at, written.roots.as_ref());
        let roots = roots.map(|(path, _)| path);
        if roots.as_ref().is_some_and(|path| path.starts_with(&bundle)) {
            self.problem(
                &roots_at,
                "lies in `ca.bundle`, where Outrigger writes; name the file that the public roots come from",
            );
        }
        Ca {
            directory,
            bundle,
            roots,
        }
    }

    fn directory(&mut self, at: &Path, written: Option<&Text>, default: PathBuf) -> PathBuf {
        self.parsed(at, written, default, |text| match text {
            "" => Err("is empty; name a directory, or leave the key out for the default".into()),
            _ => Ok(PathBuf::from(text)),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::config::{
        Ca,
        tests::{mistakes, parse},
    };

    #[test]
    fn what_is_left_out_is_where_a_pod_mounts_it() {
        assert_eq!(parse("").unwrap().ca, Ca::default());
        let read = parse("ca: { directory: /a/ca, bundle: b }").unwrap().ca;
        assert_eq!((read.directory, read.bundle), ("/a/ca".into(), "b".into()));
    }

    #[test]
    fn a_file_of_roots_is_watched_with_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        let yaml = format!("ca: {{ roots: {} }}", file.display());
        let config = parse(&yaml).unwrap();
        assert_eq!(
            (config.ca.roots.as_ref(), config.files),
            (Some(&file), vec![file.clone()])
        );
    }

    #[test]
    fn each_mistake_is_reported_at_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let bundle = directory.path().display();
        std::fs::write(
            directory.path().join("bundle.pem"),
            "-----BEGIN CERTIFICATE-----\n",
        )
        .unwrap();
        let table = r#"
            ca: => ca: is empty
            ca: { dir: /a } => unknown field `dir`
            ca: { directory: '' } => ca.directory: is empty
            ca: { directory: /a, bundle: /a } => ca.bundle: is the same directory
            ca: { directory: /var/run/outrigger/ca } => ca.directory: is the same directory
            ca: { roots: /does/not/exist } => ca.roots: can't be read: it does not exist
            ca: { roots: /dev/null } => ca.roots: holds no PEM certificate
            ca: { bundle: BUNDLE, roots: BUNDLE/bundle.pem } => ca.roots: lies in `ca.bundle`
        "#;
        mistakes(&table.replace("BUNDLE", &bundle.to_string()));
    }

    #[test]
    fn other_directories_are_taken_up_at_the_next_start() {
        let other = parse("ca: { directory: /a }").unwrap();
        assert_eq!(parse("").unwrap().restart_needed(&other), ["ca"]);
    }
}

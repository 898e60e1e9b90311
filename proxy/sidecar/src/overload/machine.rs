//! Memory limits of this process, and how much of each is in use.
//!
//! The container's figures are its control group's, less the inactive page cache: the kernel takes
//! that back before it kills. Version 2 is read first, then 1; where a group sets no limit, its
//! parent's applies. Files are opened once and read in place.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// Smallest value that counts as no limit, above the memory of any machine: version 1 writes a huge
/// number where there is none.
const NO_LIMIT: u64 = 1 << 60;

/// All limits on this process's memory.
#[derive(Debug, Default)]
pub(super) struct Meters(Vec<Meter>);

/// One limit, and the source of what counts towards it.
#[derive(Debug)]
struct Meter {
    limit: u64,
    used: Used,
}

#[derive(Debug)]
enum Used {
    /// `memory.current` or `memory.usage_in_bytes`; `memory.stat`, and the line in it with the
    /// reclaimable page cache.
    Group {
        usage: File,
        stat: Option<File>,
        inactive: &'static str,
    },
    /// `/proc/self/statm`, and the shared pages that were resident at the start: code, and images
    /// of policies. Each instance of a policy maps its image's pages anew, and `resident` counts
    /// them every time, though memory holds them once.
    Own { statm: File, shared: u64 },
}

impl Meters {
    /// Opens the container's limit, and `own`, the configured limit on resident memory.
    pub(super) fn find(own: Option<u64>) -> Self {
        let mut meters = Vec::new();
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        meters.extend(group(Path::new("/sys/fs/cgroup"), &groups));
        let statm = own.and_then(|limit| Some((limit, File::open("/proc/self/statm").ok()?)));
        meters.extend(statm.and_then(|(limit, statm)| {
            let (_, shared) = pages(&statm)?;
            let used = Used::Own { statm, shared };
            Some(Meter { limit, used })
        }));
        Self(meters)
    }

    /// Returns the least limit, in bytes.
    pub(super) fn limit(&self) -> Option<u64> {
        self.0.iter().map(|meter| meter.limit).min()
    }

    /// Returns the largest share of a limit that is in use; 0 where there is no limit. Shares below
    /// `matters` may be reported too high.
    pub(super) fn pressure(&self, matters: f64) -> f64 {
        let shares = self.0.iter().filter_map(|meter| meter.share(matters));
        shares.fold(0.0, f64::max)
    }
}

impl Meter {
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of memory, far below 2^52"
    )]
    fn share(&self, matters: f64) -> Option<f64> {
        let share = |bytes: u64| bytes as f64 / self.limit.max(1) as f64;
        match &self.used {
            Used::Own { statm, shared } => {
                let (own, _) = pages(statm)?;
                Some(share((own + shared) * rustix::param::page_size() as u64))
            }
            Used::Group {
                usage,
                stat,
                inactive,
            } => {
                let used = number(text(usage, &mut [0; 64])?)?;
                // Reading `memory.stat` has the kernel add it up, so it is read only where it
                // matters.
                if share(used) < matters {
                    return Some(share(used));
                }
                let mut buffer = [0; 8 << 10];
                let cache = stat
                    .as_ref()
                    .and_then(|file| text(file, &mut buffer))
                    .and_then(|stat| field(stat, inactive));
                Some(share(used.saturating_sub(cache.unwrap_or(0))))
            }
        }
    }
}

/// Finds the innermost control group with a limit. `groups` is the text of `/proc/self/cgroup`.
fn group(root: &Path, groups: &str) -> Option<Meter> {
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = path.trim_start_matches('/');
        let found = if controllers.is_empty() {
            up(
                root,
                path,
                ["memory.max", "memory.current"],
                "inactive_file ",
            )
        } else if controllers.split(',').any(|name| name == "memory") {
            let names = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
            up(&root.join("memory"), path, names, "total_inactive_file ")
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Looks in `root`/`path`, then in its parents. In a container, `path` may be the host's and not
/// exist.
fn up(root: &Path, path: &str, [limit, usage]: [&str; 2], inactive: &'static str) -> Option<Meter> {
    let own = root.join(path);
    for folder in own
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
    {
        let set = std::fs::read_to_string(folder.join(limit)).ok();
        let set = set
            .and_then(|text| number(&text))
            .filter(|bytes| *bytes < NO_LIMIT);
        if let (Some(limit), Ok(usage)) = (set, File::open(folder.join(usage))) {
            return Some(Meter {
                limit,
                used: Used::Group {
                    usage,
                    stat: File::open(folder.join("memory.stat")).ok(),
                    inactive,
                },
            });
        }
    }
    None
}

/// Reads the resident pages of `/proc/self/statm`: this process's own, and shared ones.
fn pages(statm: &File) -> Option<(u64, u64)> {
    let mut buffer = [0; 128];
    let mut fields = text(statm, &mut buffer)?.split(' ').skip(1).map(number);
    let (resident, shared) = (fields.next()??, fields.next()??);
    Some((resident.saturating_sub(shared), shared))
}

fn text<'a>(file: &File, buffer: &'a mut [u8]) -> Option<&'a str> {
    let read = file.read_at(buffer, 0).ok()?;
    let read = buffer.get(..read)?;
    // A file longer than the buffer could be cut within a character, but these files are ASCII.
    str::from_utf8(read).ok()
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| number(line.strip_prefix(name)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, folder: &str, files: &[(&str, &str)]) {
        fs::create_dir_all(root.join(folder)).unwrap();
        for (name, text) in files {
            fs::write(root.join(folder).join(name), text).unwrap();
        }
    }

    #[test]
    fn version_2_is_read_without_the_page_cache() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.max", "1000\n"),
            ("memory.current", "900\n"),
            (
                "memory.stat",
                "anon 500\nfile 400\ninactive_anon 7\ninactive_file 300\n",
            ),
        ];
        write(root.path(), "pod/container", &files);
        let meter = group(root.path(), "0::/pod/container\n").unwrap();
        assert_eq!(meter.limit, 1000);
        assert_eq!(meter.share(0.8), Some(0.6));
        // Below `matters` the costly `memory.stat` is not read.
        assert_eq!(meter.share(0.95), Some(0.9));
        fs::write(root.path().join("pod/container/memory.current"), "1000\n").unwrap();
        assert_eq!(meter.share(0.8), Some(0.7));
    }

    #[test]
    fn a_group_without_a_limit_has_its_parents() {
        let root = tempfile::tempdir().unwrap();
        let limited = |folder, max, current| {
            let files = [("memory.max", max), ("memory.current", current)];
            write(root.path(), folder, &files);
        };
        limited("pod", "4096\n", "1024\n");
        limited("pod/c", "max\n", "1\n");
        let meter = group(root.path(), "0::/pod/c\n").unwrap();
        assert_eq!(meter.share(1.0), Some(0.25));
        // Seen from inside, where the host's path does not exist.
        limited("", "2048\n", "1024\n");
        let inside = group(root.path(), "0::/../host/path\n").unwrap();
        assert_eq!(inside.limit, 2048);
    }

    #[test]
    fn version_1_is_read_where_version_2_has_no_memory() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.limit_in_bytes", "2000\n"),
            ("memory.usage_in_bytes", "1900\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 900\n"),
        ];
        write(root.path(), "memory/docker/x", &files);
        let groups = "9:name=systemd:/\n4:memory:/docker/x\n0::/\n";
        let meter = group(root.path(), groups).unwrap();
        assert_eq!((meter.limit, meter.share(0.8)), (2000, Some(0.5)));
        let none = [
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "1\n"),
        ];
        write(root.path(), "memory/docker/x", &none);
        assert!(group(root.path(), groups).is_none());
    }

    #[test]
    fn what_is_resident_counts_towards_the_configured_limit() {
        let meters = Meters::find(Some(1 << 40));
        assert!(meters.limit().unwrap() <= 1 << 40);
        let share = meters.0.last().unwrap().share(0.8).unwrap();
        assert!(share > 0.0 && share < 0.5, "{share}");
    }
}

//! Every reason for which a policy is not loaded, and the label that it has in metrics.

use policy::Fault;
use serde::{Deserialize, Serialize};

use super::contract::{CONTRACT, Version};

/// The reason why a policy was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LoadError {
    /// A file that is no valid wasm.
    #[error("not a valid wasm file: {0}")]
    Malformed(String),
    /// A module that exports no hooks.
    #[error(
        "exports no `outrigger:policy/policy`: build it with outrigger-sdk and its `export_policy!`"
    )]
    NotAPolicy,
    /// A policy built for another version of the contract.
    #[error(
        "built for version {built} of the policy contract, and this Outrigger speaks {}: rebuild it with outrigger-sdk {}",
        Version::spoken(),
        Version::ALL[0].line()
    )]
    Version {
        /// The version it was built for.
        built: String,
    },
    /// A policy that exports hooks of one version of the contract and imports interfaces of
    /// another.
    #[error(
        "exports hooks of version {} of the policy contract and imports `{import}` of another: build it with one outrigger-sdk",
        hooks.line()
    )]
    Mixed {
        /// The import.
        import: String,
        /// The hooks' version.
        hooks: Version,
    },
    /// Proposals of WebAssembly in use that no policy may use: their names.
    #[error("uses WebAssembly proposals that no policy may: {0}; build it without them")]
    Proposals(String),
    /// A declaration that this host does not know.
    #[error("{what}, which this Outrigger does not know: it knows {known}")]
    Manifest {
        /// The list and the word in it.
        what: String,
        /// The words that there are.
        known: String,
    },
    /// A policy that lists passages, and declares that it reads none.
    #[error(
        "lists passages and declares no place to read, so it would be shown none and let everything pass: name the places in `const READS` (`reads` of its manifest)"
    )]
    Undeclared,
    /// An import that the operator did not grant.
    #[error("imports `{0}`, which is not granted: add it to the policy's `grants`")]
    Ungranted(String),
    /// An import that does not exist.
    #[error("imports `{}`, which no policy can have: {}", .0, without(.0))]
    Unknown(String),
    /// Hooks or imports that are not as the contract has them; wasmtime's words.
    #[error(
        "is not built by the contract of this Outrigger ({}): build it by plugin-sdk/wit/policy.wit of {}",
        .0,
        CONTRACT
    )]
    Types(String),
    /// A refusal of the configuration by `configure`, with its reason.
    #[error("refuses its configuration: {0}")]
    Configuration(String),
    /// A fault in `configure` or `describe`.
    #[error("failed while it was loaded: it {}{}", .0, remedy(.0))]
    Fault(Fault),
    /// A file that made the compiler panic; its words.
    #[error(
        "is made as the compiler can't take it ({0}): build it as one component for this contract, without others in it; `examples/languages` has toolchains that do"
    )]
    Unsupported(String),
    /// A failure of the host to compile or link it.
    #[error("can't be compiled: {0}")]
    Compile(String),
}

impl LoadError {
    /// Returns its label in metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotAPolicy => "not_a_policy",
            Self::Version { .. } | Self::Mixed { .. } => "version",
            Self::Proposals(_) => "proposals",
            Self::Manifest { .. } => "manifest",
            Self::Undeclared => "undeclared",
            Self::Ungranted(_) => "ungranted",
            Self::Unknown(_) => "unknown_import",
            Self::Types(_) => "types",
            Self::Configuration(_) => "configuration",
            Self::Fault(_) => "fault",
            Self::Unsupported(_) => "unsupported",
            Self::Compile(_) => "compile",
        }
    }
}

/// Returns what to do about an import that does not exist.
fn without(import: &str) -> &'static str {
    match import.starts_with("wasi") {
        true => {
            "there is no WASI; build it for wasm32-unknown-unknown, or, in another language, as examples/languages does"
        }
        false => "build it for wasm32-unknown-unknown and without it",
    }
}

/// Returns what to do about a fault, behind its words.
fn remedy(fault: &Fault) -> &'static str {
    match fault {
        Fault::Memory => "; raise its `limits: { memory }`, 64MiB at most",
        _ => "",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_found_wrong_reads_the_same_in_the_parent() {
        for error in [
            LoadError::Malformed("x".into()),
            LoadError::Configuration("`mode` is missing".into()),
            LoadError::Fault(Fault::CpuTime),
            LoadError::Fault(Fault::Memory),
            LoadError::Fault(Fault::Trapped("unreachable".into())),
            LoadError::Compile("y".into()),
            LoadError::Proposals("gc, threads".into()),
            LoadError::Undeclared,
            LoadError::Unsupported("z".into()),
            LoadError::Types("t".into()),
        ] {
            let answer = serde_json::to_vec(&error).unwrap();
            assert_eq!(serde_json::from_slice::<LoadError>(&answer).unwrap(), error);
        }
    }
}

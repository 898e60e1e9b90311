//! The parts of a request that its reply depends on, and those that it does not.

use outrigger_sdk::{Dialect, Request};

use crate::impure;

/// Members that say how an answer is sent, and whose request it is in the provider's own
/// accounting.
pub const IGNORE: [&str; 6] = [
    "/stream",
    "/stream_options",
    "/user",
    "/metadata",
    "/safety_identifier",
    "/prompt_cache_key",
];
/// Headers that change what a provider answers. `host` distinguishes providers where the app names
/// them.
const VARY: [&str; 7] = [
    "host",
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
];
/// Members that no answer can do without.
const NEEDED: [&str; 11] = [
    "/model",
    "/messages",
    "/input",
    "/instructions",
    "/system",
    "/prompt",
    "/contents",
    "/systemInstruction",
    "/tools",
    "/tool_choice",
    "/response_format",
];

/// Checks the configured JSON pointers that make no difference.
///
/// # Errors
/// One is no pointer, or an answer depends on what it points to.
pub fn check_ignored(ignore: &[String]) -> Result<(), String> {
    for (at, pointer) in ignore.iter().enumerate() {
        if !pointer.starts_with('/') {
            return Err(format!(
                "ignore[{at}]: expected a JSON pointer, `/user` say"
            ));
        }
        let needed = |top: &&str| {
            pointer
                .strip_prefix(*top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if NEEDED.iter().any(needed) {
            return Err(format!(
                "ignore[{at}]: without `{pointer}` one request would be answered with the reply to another"
            ));
        }
    }
    Ok(())
}

/// Checks the configured names of members that are pure.
///
/// # Errors
/// One is no name, or known not to be pure.
pub fn check_members(members: &[String]) -> Result<(), String> {
    for (at, name) in members.iter().enumerate() {
        if name.is_empty() {
            return Err(format!(
                "members[{at}]: expected the name of a member of the body"
            ));
        }
        if impure(name) {
            return Err(format!(
                "members[{at}]: with `{name}` an answer depends on more than the request: its replies can't be kept"
            ));
        }
    }
    Ok(())
}

/// Adds to the configured headers those that always change an answer, in order.
///
/// # Errors
/// One is no name of a header.
pub fn vary(configured: &mut Vec<String>) -> Result<(), String> {
    for (at, name) in configured.iter_mut().enumerate() {
        name.make_ascii_lowercase();
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(format!("vary[{at}]: expected the name of a header"));
        }
    }
    configured.extend(VARY.map(String::from));
    configured.sort();
    configured.dedup();
    Ok(())
}

/// The members of the body that the operator knows to be pure: those that make no difference are no
/// reason to keep nothing either.
pub fn pure(ignore: &[String], members: &[String]) -> Vec<String> {
    let ignored = ignore
        .iter()
        .filter_map(|pointer| pointer.strip_prefix('/'));
    let ignored = ignored.filter(|name| !name.contains('/') && !impure(name));
    let ignored = ignored.map(|name| name.replace("~1", "/").replace("~0", "~"));
    ignored.chain(members.iter().cloned()).collect()
}

/// Path and query. Gemini says in them whether a stream is requested, which changes how an answer
/// is sent and not what it is.
pub fn path(request: &Request) -> String {
    let path = request.path();
    if request.dialect() != Dialect::GeminiGenerate {
        return path;
    }
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let query: Vec<&str> = query.split('&').filter(|part| *part != "alt=sse").collect();
    let path = path.replace(":streamGenerateContent", ":generateContent");
    format!("{path}?{}", query.join("&"))
}

//! Configurations that a policy must refuse.

use serde_json::Value;

use super::Bench;
use crate::Policy;

/// Asserts that a policy refuses each of these configurations with its message: that an operator
/// reads which key is wrong.
///
/// A message is given from its beginning, which is the key's path; `…` in it stands for any text. A
/// function's name before a configuration is called with it, and returns the whole of it.
///
/// ```
/// use outrigger_sdk::{Policy, assert_config_errors, settings::Count};
/// use serde_json::{Value, json};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Limits { rules: Vec<Rule> }
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Rule { most: Count }
/// impl Policy for Limits {}
///
/// let second = |rule: Value| json!({ "rules": [{ "most": 1 }, rule] });
/// assert_config_errors!(Limits,
///     {} => "the key `rules` is missing",
///     { "rule": [] } => "rule: unknown key",
///     second { "most": 0 } => "rules[1].most: … 1 or more",
/// );
/// ```
#[macro_export]
macro_rules! assert_config_errors {
    ($policy:ty, $($($whole:ident)? { $($config:tt)* } => $message:literal),+ $(,)?) => {
        $($crate::bench::assert_config_error::<$policy>(
            $($whole)?($crate::bench::json!({ $($config)* })),
            $message,
        );)+
    };
}

/// Asserts the same of one configuration.
///
/// # Panics
/// If the policy accepts it, or refuses it with another message.
#[track_caller]
pub fn assert_config_error<P: Policy>(config: Value, message: &str) {
    let Err(error) = Bench::<P>::new(&config) else {
        panic!("{config} is accepted, where the error should be: {message}");
    };
    let mut parts = message.split('…').map(str::trim);
    let start = parts.next().unwrap_or_default();
    let rest = error
        .strip_prefix(start)
        .and_then(|rest| parts.try_fold(rest, |rest, part| Some(rest.split_once(part)?.1)));
    assert!(
        rest.is_some(),
        "{config} is refused with another message than `{message}`: {error}"
    );
}

/// `base` with the members of `extra`, which win.
#[must_use]
pub fn merged(mut base: Value, extra: Value) -> Value {
    if let (Value::Object(base), Value::Object(extra)) = (&mut base, extra) {
        base.extend(extra);
    }
    base
}

//! The table of finish reasons:
//! <https://ai.google.dev/api/generate-content#FinishReason>.

use crate::translate::event::Finish;

/// The reasons, and what they mean.
const REASONS: [(&str, Finish); 20] = [
    ("STOP", Finish::Stop),
    ("MAX_TOKENS", Finish::Length),
    ("SAFETY", Finish::Filtered),
    ("RECITATION", Finish::Filtered),
    ("LANGUAGE", Finish::Filtered),
    ("BLOCKLIST", Finish::Filtered),
    ("PROHIBITED_CONTENT", Finish::Filtered),
    ("SPII", Finish::Filtered),
    ("MODEL_ARMOR", Finish::Filtered),
    ("IMAGE_SAFETY", Finish::Filtered),
    ("IMAGE_PROHIBITED_CONTENT", Finish::Filtered),
    ("IMAGE_RECITATION", Finish::Filtered),
    ("IMAGE_OTHER", Finish::Filtered),
    ("NO_IMAGE", Finish::Broken),
    ("MALFORMED_FUNCTION_CALL", Finish::Broken),
    ("UNEXPECTED_TOOL_CALL", Finish::Broken),
    ("TOO_MANY_TOOL_CALLS", Finish::Broken),
    ("MISSING_THOUGHT_SIGNATURE", Finish::Broken),
    ("MALFORMED_RESPONSE", Finish::Broken),
    ("OTHER", Finish::Broken),
];

/// The reason for calls whose arguments are no object.
pub(super) const MALFORMED_CALL: &str = "MALFORMED_FUNCTION_CALL";

/// Reports whether a reason says nothing: some servers write the enumeration's default into every
/// chunk.
pub(super) fn is_unspecified(reason: &str) -> bool {
    reason.is_empty() || reason.ends_with("_UNSPECIFIED")
}

/// The meaning of a reason; one that is not known came to nothing.
pub(super) fn read(reason: &str) -> Finish {
    let mut known = REASONS.iter();
    known
        .find(|(name, _)| *name == reason)
        .map_or(Finish::Broken, |(_, finish)| *finish)
}

/// The reason that stands for a finish.
pub(super) const fn name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::Calls => "STOP",
        Finish::Length | Finish::ContextWindow => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused => "SAFETY",
        Finish::Pause | Finish::Broken => "OTHER",
    }
}

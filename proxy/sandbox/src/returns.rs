//! Functions of a module that free what a hook returned, and which of them are left out.

use wasmparser::{BinaryReaderError, Parser, Payload, SectionLimited};

/// Hooks that return something to free once or twice in an instance, if at all: it goes with the
/// instance (of all verdicts of `on-attempt` a rejection alone has a text, and ends an attempt).
/// Finding the function that frees it would cost each start of an instance as much as finding the
/// hook.
const RETURNS_KEPT: [&str; 5] = [
    "describe",
    "configure",
    "on-request",
    "on-attempt",
    "on-failure",
];
/// Prefix of such a function's name, before the hook's (the component model's core names).
const PREFIX: &str = "cabi_post_";
/// Id of a module's export section (WebAssembly 3.0, 5.5.2).
const EXPORTS: u8 = 7;

/// Copies a core module without the exports that free what such hooks return.
pub(super) fn without_single_returns(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut copy = module.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload? {
            // The section's header is its id and its length, which ends where the content begins.
            let content = exports.range();
            let length = leb(content.end - content.start);
            let start = content.start - length.len() - 1;
            // A length may be written longer than need be; such a module stays as it is.
            if module.get(start) == Some(&EXPORTS)
                && module.get(start + 1..content.start) == Some(&*length)
            {
                let kept = kept(module, exports)?;
                copy.splice(
                    start..content.end,
                    [vec![EXPORTS], leb(kept.len()), kept].concat(),
                );
            }
            break;
        }
    }
    Ok(copy)
}

/// Returns the content of an export section with the entries that are kept.
fn kept(
    module: &[u8],
    exports: SectionLimited<'_, wasmparser::Export<'_>>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let end = exports.range().end;
    let entries: Vec<_> = exports.into_iter_with_offsets().collect::<Result<_, _>>()?;
    let ends = entries.iter().skip(1).map(|(start, _)| *start).chain([end]);
    let (mut count, mut content) = (0, Vec::new());
    for ((start, export), end) in entries.iter().zip(ends) {
        let hook = export.name.strip_prefix(PREFIX);
        let hook = hook.and_then(|name| Some(name.rsplit_once('#')?.1));
        if hook.is_none_or(|hook| !RETURNS_KEPT.contains(&hook)) {
            count += 1;
            content.extend_from_slice(module.get(*start..end).unwrap_or_default());
        }
    }
    Ok([leb(count), content].concat())
}

/// Encodes a number as an unsigned LEB128.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A module with one function, exported under these names.
    fn module(names: &[&str]) -> Vec<u8> {
        let mut exports = leb(names.len());
        for name in names {
            exports.extend(leb(name.len()));
            exports.extend(name.as_bytes());
            exports.extend([0, 0]);
        }
        let section = |id, content: &[u8]| [&[id], &*leb(content.len()), content].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(3, &[1, 0]),
            section(EXPORTS, &exports),
            section(10, &[1, 2, 0, 0x0b]),
        ]
        .concat()
    }

    #[test]
    fn what_frees_the_returns_of_hooks_that_return_little_is_left_out() {
        let of = |hook| format!("cabi_post_outrigger:policy/policy@0.4.0#{hook}");
        let (reply, request) = (of("on-reply"), of("on-request"));
        let (describe, failure) = (of("describe"), of("on-failure"));
        let attempt = of("on-attempt");
        let names = [
            "cabi_realloc",
            &describe,
            &reply,
            &request,
            &attempt,
            &failure,
            "x#describe",
        ];
        assert_eq!(
            without_single_returns(&module(&names)).unwrap(),
            module(&["cabi_realloc", &reply, "x#describe"])
        );
        let plain = module(&["on-request"]);
        assert_eq!(without_single_returns(&plain).unwrap(), plain);
    }
}

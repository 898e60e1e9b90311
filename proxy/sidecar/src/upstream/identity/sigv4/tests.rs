//! AWS's published test suite of Signature Version 4 (`aws-signing-test-suite/v4`, in
//! awslabs/aws-c-auth), of which each case is a row; and the paths of Bedrock.

use super::*;

const KEYS: Keys<'static> = Keys {
    id: "AKIDEXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    token: None,
};
const SCOPE: Scope<'static> = Scope {
    region: "us-east-1",
    service: "service",
};
/// 2015-08-30T12:36:00Z.
const NOW: u64 = 1_440_938_160;
/// SHA-256 of `Param1=value1`.
const PARAM1: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
const SESSION: &str = concat!(
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFq",
    "wAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2w",
    "UE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+x",
    "o0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3i",
    "SIlTJabIQwj2ICCR/oLxBA==",
);

/// Name, method, path and query, headers besides `host`, body, whether the path is normalised,
/// session token, signature.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    bool,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const CASES: [Case; 38] = [
    ("get-header-key-duplicate", "GET", "/", &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")], "", true, "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("get-header-value-multiline", "GET", "/", &[("my-header1", "value1\n  value2\n     value3")], "", true, "", "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"),
    ("get-header-value-order", "GET", "/", &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")], "", true, "", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    ("get-header-value-trim", "GET", "/", &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")], "", true, "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("get-relative-normalized", "GET", "/example/..", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-relative-relative-normalized", "GET", "/example1/example2/../..", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-relative-relative-unnormalized", "GET", "/example1/example2/../..", &[], "", false, "", "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"),
    ("get-relative-unnormalized", "GET", "/example/..", &[], "", false, "", "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"),
    ("get-slash-dot-slash-normalized", "GET", "/./", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-slash-dot-slash-unnormalized", "GET", "/./", &[], "", false, "", "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"),
    ("get-slash-normalized", "GET", "//", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-slash-pointless-dot-normalized", "GET", "/./example", &[], "", true, "", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("get-slash-pointless-dot-unnormalized", "GET", "/./example", &[], "", false, "", "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff"),
    ("get-slash-unnormalized", "GET", "//", &[], "", false, "", "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"),
    ("get-slashes-normalized", "GET", "//example//", &[], "", true, "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    ("get-slashes-unnormalized", "GET", "//example//", &[], "", false, "", "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"),
    ("get-space-normalized", "GET", "/example space/", &[], "", true, "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ("get-space-unnormalized", "GET", "/example space/", &[], "", false, "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", &[], "", true, "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("get-utf8", "GET", "/ሴ", &[], "", true, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("get-vanilla-empty-query-key", "GET", "/?Param1=value1", &[], "", true, "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    ("get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", &[], "", true, "", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"),
    ("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", &[], "", true, "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", &[], "", true, "", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
    ("get-vanilla-query", "GET", "/", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-vanilla-utf8-query", "GET", "/?ሴ=bar", &[], "", true, "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("get-vanilla-with-session-token", "GET", "/", &[], "", true, "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"),
    ("get-vanilla", "GET", "/", &[], "", true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-header-key-case", "POST", "/", &[], "", true, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("post-header-key-sort", "POST", "/", &[("my-header1", "value1")], "", true, "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    ("post-header-value-case", "POST", "/", &[("my-header1", "VALUE1")], "", true, "", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
    ("post-sts-header-after", "POST", "/", &[], "", true, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("post-sts-header-before", "POST", "/", &[], "", true, SESSION, "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ("post-vanilla-empty-query-value", "POST", "/?Param1=value1", &[], "", true, "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ("post-vanilla-query", "POST", "/?Param1=value1", &[], "", true, "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ("post-vanilla", "POST", "/", &[], "", true, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("post-x-www-form-urlencoded-parameters", "POST", "/", &[("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("content-length", "13"), ("x-amz-content-sha256", PARAM1)], "Param1=value1", true, "", "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"),
    ("post-x-www-form-urlencoded", "POST", "/", &[("content-type", "application/x-www-form-urlencoded"), ("content-length", "13"), ("x-amz-content-sha256", PARAM1)], "Param1=value1", true, "", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"),
];

#[test]
fn every_case_of_the_published_suite_is_signed_as_it_says() {
    for (name, method, target, headers, body, normalizes, token, signature) in CASES {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let request = Request {
            method: &method.parse().unwrap(),
            host: "example.amazonaws.com",
            path,
            query,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        let mut signed: Vec<(&str, Vec<&[u8]>)> = Vec::new();
        for (name, value) in headers {
            match signed.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value.as_bytes()),
                None => signed.push((name, vec![value.as_bytes()])),
            }
        }
        let keys = Keys {
            token: Some(token).filter(|token| !token.is_empty()),
            ..KEYS
        };
        let made = sign_with(&request, signed, keys, SCOPE, amz_date(NOW), normalizes);
        let (_, made) = made.authorization.split_once("Signature=").unwrap();
        assert_eq!(made, signature, "{name}");
    }
}

#[test]
fn the_header_names_scope_and_signed_headers() {
    let request = Request {
        method: &Method::GET,
        host: "example.amazonaws.com",
        path: "/",
        query: None,
        headers: &HeaderMap::new(),
        body: b"",
    };
    let made = sign(&request, KEYS, SCOPE, NOW);
    assert_eq!(
        made,
        Signature {
            authorization: "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31".into(),
            date: "20150830T123600Z".into(),
        }
    );
}

#[test]
fn a_models_id_on_the_wire_is_encoded_once_more_where_it_is_signed() {
    for (wire, canonical) in [
        (
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
            "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse",
        ),
        (
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.m-v1%3A0/invoke",
            "/model/arn%253Aaws%253Abedrock%253Aeu-west-1%253A123456789012%253Ainference-profile%252Feu.m-v1%253A0/invoke",
        ),
        ("/", "/"),
        ("/a/", "/a/"),
    ] {
        assert_eq!(canonical_path(wire, true), canonical);
    }
}

#[test]
fn a_query_is_sorted_by_the_bytes_of_name_and_then_value() {
    assert_eq!(
        canonical_query("b=2&a=3&a=1&c&a-b=4"),
        "a=1&a=3&a-b=4&b=2&c="
    );
    assert_eq!(canonical_query("x=a%2Fb&y=a/b"), "x=a%2Fb&y=a%2Fb");
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (now, date) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (1_798_761_599, "20261231T235959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(amz_date(now), date);
    }
}

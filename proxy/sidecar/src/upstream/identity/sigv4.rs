//! AWS Signature Version 4 of a request (AWS IAM User Guide, "Create a signed AWS API request").
//!
//! Pure: the request's parts and the time go in, the values of headers come out. The path is that
//! on the wire, and every segment of it is encoded once more, as every service but S3 wants it: a
//! model's id with a `:` is `%3A` on the wire and `%253A` in what is signed. The body is hashed
//! whole; there is no signature of chunks and none in a query.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use ring::{
    digest::{SHA256, digest},
    hmac,
};

use crate::signing::hex;

/// Name of the algorithm, in the string to sign and in `authorization`.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `x-amz-date`: the time of the signature, in basic ISO 8601.
pub const X_AMZ_DATE: HeaderName = HeaderName::from_static(DATE);
/// `x-amz-security-token`: the session that temporary keys belong to.
pub const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static(TOKEN);

const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";

/// Keys to sign with.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// Access key id; it is in `authorization`.
    pub id: &'a str,
    /// Secret access key; it goes nowhere.
    pub secret: &'a str,
    /// Session token, of temporary keys.
    pub token: Option<&'a str>,
}

/// The part of AWS for which a signature is valid.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Such as `eu-west-1`.
    pub region: &'a str,
    /// The name that the service signs with, such as `bedrock`.
    pub service: &'a str,
}

/// A request as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Host, and port unless it is the scheme's own: what the `host` header will be.
    pub host: &'a str,
    /// Its path on the wire.
    pub path: &'a str,
    /// Its query on the wire.
    pub query: Option<&'a str>,
    /// Its headers, of which `content-type` and AWS's own are signed; `host` and those of the
    /// signature are added.
    pub headers: &'a HeaderMap,
    /// Its whole body.
    pub body: &'a [u8],
}

/// Values of the headers that a signature consists of, beside the session token as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// `authorization`.
    pub authorization: String,
    /// `x-amz-date`.
    pub date: String,
}

/// Signs a request; `now` is the time since the Unix epoch, in seconds.
pub fn sign(request: &Request<'_>, keys: Keys<'_>, scope: Scope<'_>, now: u64) -> Signature {
    let signed = request.headers.keys().filter(|name| is_signed(name));
    let signed = signed.map(|name| {
        let values = request.headers.get_all(name).iter();
        (name.as_str(), values.map(HeaderValue::as_bytes).collect())
    });
    sign_with(request, signed.collect(), keys, scope, amz_date(now), true)
}

/// Reports whether a header that a request has is signed: AWS's own have to be. Others may be
/// changed on the way (`te`, `user-agent`, `x-forwarded-for`), which would make the signature wrong.
fn is_signed(name: &HeaderName) -> bool {
    (name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz"))
        && *name != X_AMZ_DATE
        && *name != X_AMZ_SECURITY_TOKEN
}

/// Signs a request with these of its headers, at this date; `normalizes`: dots and doubled slashes
/// of the path are resolved.
fn sign_with(
    request: &Request<'_>,
    headers: Vec<(&str, Vec<&[u8]>)>,
    keys: Keys<'_>,
    scope: Scope<'_>,
    date: String,
    normalizes: bool,
) -> Signature {
    let day = date.get(..8).unwrap_or_default();
    let mut headers = headers; // as long as the date
    headers.push(("host", vec![request.host.as_bytes()]));
    headers.push((DATE, vec![date.as_bytes()]));
    headers.extend(keys.token.map(|token| (TOKEN, vec![token.as_bytes()])));
    crate::ordered::sort_by_key(&mut headers, |(name, _)| *name);
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = canonical_request(request, &headers, &names, normalizes);
    drop(headers);
    let credential_scope = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let hash = hex(digest(&SHA256, &canonical).as_ref());
    let string_to_sign = format!("{ALGORITHM}\n{date}\n{credential_scope}\n{hash}");
    let key = signing_key(keys.secret, day, scope);
    let signature = hex(hmac::sign(&key, string_to_sign.as_bytes()).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{credential_scope}, SignedHeaders={names}, Signature={signature}",
        keys.id
    );
    Signature {
        authorization,
        date,
    }
}

/// The request in the one form that both ends hash.
fn canonical_request(
    request: &Request<'_>,
    headers: &[(&str, Vec<&[u8]>)],
    names: &str,
    normalizes: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(canonical_path(request.path, normalizes).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(canonical_query(request.query.unwrap_or_default()).as_bytes());
    out.push(b'\n');
    for (name, values) in headers {
        out.extend_from_slice(name.as_bytes());
        for (n, value) in values.iter().enumerate() {
            out.push(if n == 0 { b':' } else { b',' });
            push_trimmed(&mut out, value);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(names.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(hex(digest(&SHA256, request.body).as_ref()).as_bytes());
    out
}

/// Writes a value without white space at its ends, and each run of it inside as one space.
fn push_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(u8::is_ascii_whitespace);
    for (n, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The path with each segment encoded once more.
fn canonical_path(path: &str, normalizes: bool) -> String {
    if !normalizes {
        return encode(path, b"/");
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    // An empty last segment, or one that was resolved to nothing, leaves its slash.
    let is_folder = path.ends_with('/') && !segments.is_empty();
    let mut out = String::with_capacity(path.len() + 16);
    for segment in &segments {
        out.push('/');
        push_encoded(&mut out, segment, b"");
    }
    if is_folder || segments.is_empty() {
        out.push('/');
    }
    out
}

/// The query's pairs in order of their bytes. They are encoded on the wire already; what is not is
/// encoded here.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(name, b"%"), encode(value, b"%"))
        })
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(n, v)| [n, "=", v].concat()).collect();
    pairs.join("&")
}

/// Percent-encodes what is no unreserved character (RFC 3986 §2.3) and not among `kept`.
pub(super) fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    push_encoded(&mut out, text, kept);
    out
}

fn push_encoded(out: &mut String, text: &str, kept: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}

/// The key of a day, a region and a service.
fn signing_key(secret: &str, day: &str, scope: Scope<'_>) -> hmac::Key {
    let secret = zeroize::Zeroizing::new(["AWS4", secret].concat());
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    for part in [day, scope.region, scope.service, "aws4_request"] {
        let next = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, next.as_ref());
    }
    key
}

/// Writes a time as `20150830T123600Z`.
pub(super) fn amz_date(now: u64) -> String {
    let (days, second) = (now / 86_400, now % 86_400);
    // Days of the Gregorian calendar in years that begin in March, so that the leap day comes last;
    // 719,468 of them lie between the year 0 and the epoch.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

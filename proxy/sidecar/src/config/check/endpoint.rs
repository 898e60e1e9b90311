//! Base URLs of upstreams.

use dialect::recognise::{Surface, recognise};

/// The part of `path` that is a call's own, where it ends in one.
fn endpoint_of(path: &str) -> Option<&str> {
    let call = |path: &str| {
        let surface = recognise(&http::Method::POST, path, &http::HeaderMap::new());
        match surface {
            Surface::Call(dialect) => Some(dialect),
            _ => None,
        }
    };
    let called = call(path)?;
    // The shortest end that is the same call by itself, without the version before it.
    let starts: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    let shortest = starts.into_iter().rev().map(|at| path.split_at(at).1);
    let mut shortest = shortest.filter(|end| call(end) == Some(called));
    shortest.next().or(Some(path))
}

/// Splits a base URL into scheme and authority, and the path without its trailing slash.
pub(super) fn base_url(text: &str) -> Result<(http::Uri, String), String> {
    let wrong = |what: &str| {
        Err(format!(
            "{what}; write a URL like `https://api.openai.com/v1`"
        ))
    };
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return wrong("begins with neither `https://` nor `http://`");
    }
    let Ok(url) = text.parse::<http::Uri>() else {
        return wrong("is not a URL");
    };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return wrong("names no host");
    };
    if authority.as_str().contains('@') {
        return wrong("holds credentials, which belong under `key`");
    }
    if authority.host().is_empty() {
        return wrong("names no host");
    }
    if url.query().is_some() || text.contains('#') {
        return wrong("has a query or a fragment, which no base URL has");
    }
    if let Some(endpoint) = endpoint_of(url.path()) {
        return Err(format!(
            "ends in the endpoint `{endpoint}`, which apps add themselves; write the base URL alone, like `https://api.openai.com/v1`"
        ));
    }
    match http::Uri::builder()
        .scheme(scheme)
        .authority(authority.clone())
        .path_and_query("/")
        .build()
    {
        Ok(origin) => Ok((origin, url.path().trim_end_matches('/').to_owned())),
        Err(_) => wrong("is not a URL"),
    }
}

//! What identifies a caller, as checked. `cost::caller` reads it from a request.

/// What `caller:` says; empty where it says nothing: then the credential counts, else the cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Headers, the first that a request carries counts.
    pub headers: Vec<http::HeaderName>,
    /// Cookies, the first that a request carries counts where it carries none of the headers.
    pub cookies: Vec<String>,
}

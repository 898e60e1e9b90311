//! Headers and cookies that identify a caller, as checked. `cost::caller` reads them from a
//! request.

/// The `caller:` section; empty where it is left out: then the credential counts, else the cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Headers, the first that a request carries counts.
    pub headers: Vec<http::HeaderName>,
    /// Cookies, the first that a request carries counts where it carries none of the headers.
    pub cookies: Vec<String>,
}

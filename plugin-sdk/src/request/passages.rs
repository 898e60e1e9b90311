//! The passages of a request: fetched a page at a time, and edited where they are, in the proxy.

use super::Request;
use crate::{Place, Places, host};

/// Passages that are fetched at a time: bounds the memory that a long conversation takes here.
const PAGE: u32 = 64;

/// One editable string of a request.
///
/// ```
/// # use outrigger_sdk::{Passage, Request};
/// let mut request = Request::chat("m").user("my card").user("bye");
/// let edits: Vec<(u32, String)> = request
///     .passages()
///     .filter(|passage: &Passage| !passage.json && passage.text.contains("card"))
///     .map(|passage| (passage.id, passage.text.replace("card", "****")))
///     .collect();
/// request.set_passages(&edits);
/// assert_eq!(request.passages().text(), "my ****\nbye");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Valid until [`Request::set_body`] is called.
    pub id: u32,
    /// Its place in the conversation.
    pub place: Place,
    /// The index of its message; [`NO_MESSAGE`](crate::NO_MESSAGE) where it belongs to none.
    pub message: u32,
    /// Decoded text: JSON escapes are resolved.
    pub text: String,
    /// True if the text is JSON source; what is written back must be JSON then.
    pub json: bool,
}

impl Request {
    /// The passages in the places that the policy [`READS`](crate::Policy::READS), in the order of
    /// the conversation.
    ///
    /// They are fetched some at a time, so a policy that stops early pays for what it saw. A policy
    /// that declares no place does not load, and panics in the bench. Where
    /// [`Policy::reads`](crate::Policy::reads) leaves none for this configuration, there are none.
    ///
    /// ```
    /// # use outrigger_sdk::Request;
    /// let request = Request::chat("m").user("one").user("two");
    /// assert_eq!(request.passages().filter(|passage| passage.text == "two").count(), 1);
    /// ```
    #[must_use]
    pub fn passages(&self) -> Passages<'_> {
        self.view(None, |host, start| host.passages(start, PAGE))
    }

    /// The passages of the system prompt, which the policy has to read:
    /// [`Places::SYSTEM`](crate::Places) in `READS`.
    ///
    /// ```
    /// # use outrigger_sdk::Request;
    /// let request = Request::chat("m").message("system", "Be brief.").user("hi");
    /// assert_eq!(request.system().text(), "Be brief.");
    /// ```
    #[must_use]
    pub fn system(&self) -> Passages<'_> {
        self.view(Some(Places::SYSTEM), |host, start| {
            host.passages_of(Place::System, false, start, PAGE)
        })
    }

    /// The passages of the last message that has text of the user's, which the policy has to read:
    /// [`Places::USER`](crate::Places) in `READS`. Those before it are not fetched.
    ///
    /// ```
    /// # use outrigger_sdk::Request;
    /// let request = Request::chat("m").user("one").message("assistant", "1").user("two");
    /// assert_eq!(request.last_user().text(), "two");
    /// ```
    #[must_use]
    pub fn last_user(&self) -> Passages<'_> {
        self.view(Some(Places::USER), |host, start| {
            host.passages_of(Place::User, true, start, PAGE)
        })
    }

    fn view(&self, of: Option<Places>, page: Page) -> Passages<'_> {
        Passages {
            request: self,
            fetch: page,
            page: Vec::new().into_iter(),
            next: 0,
            ended: self.reads_none(of),
        }
    }

    /// Reports whether the policy declares places (any, or these) and its configuration leaves them
    /// out: there are no passages then, and that is no mistake. What it never declared is one, and
    /// the proxy says so.
    fn reads_none(&self, of: Option<Places>) -> bool {
        match of {
            None => self.reads.is_empty() && !self.declared.is_empty(),
            Some(places) => self.declared.contains(places) && !self.reads.contains(places),
        }
    }

    /// Shows each passage to `edit` and puts what it returns in its place; `None` leaves it.
    /// Returns how many were replaced.
    pub fn edit_passages(&mut self, mut edit: impl FnMut(&Passage) -> Option<String>) -> usize {
        let (mut start, mut edited) = (0, 0);
        if self.reads_none(None) {
            return 0;
        }
        loop {
            let page = self.host.passages(start, PAGE);
            start += PAGE;
            let edits: Vec<(u32, String)> = page
                .iter()
                .filter_map(|passage| Some((passage.id, edit(passage)?)))
                .collect();
            self.set_passages(&edits);
            edited += edits.len();
            if is_last(&page) {
                return edited;
            }
        }
    }

    /// Replaces the text of one passage. An id that was never listed is a fault.
    pub fn set_passage(&mut self, id: u32, text: &str) {
        self.host.set_passage(id, text);
    }

    /// Replaces the texts of several passages in one call.
    pub fn set_passages(&mut self, edits: &[(u32, String)]) {
        if !edits.is_empty() {
            self.host.set_passages(edits);
        }
    }

    /// Leaves a message out. The indices of the others stay as they are.
    pub fn drop_message(&mut self, message: u32) {
        self.host.drop_message(message);
    }
}

/// Reports whether no passage is behind a page: none that is not full is followed by another.
fn is_last(page: &[Passage]) -> bool {
    page.len() < PAGE as usize
}

/// Fetches a page of passages from the one of this number on. A function and not a choice among
/// some, so that a policy imports those that it calls.
type Page = fn(&host::Request, u32) -> Vec<Passage>;

/// An iteration over passages: see [`Request::passages`], [`Request::system`] and
/// [`Request::last_user`].
///
/// ```
/// # use outrigger_sdk::{Passages, Request};
/// let request = Request::chat("m").user("one").user("two");
/// let mut passages: Passages<'_> = request.passages();
/// assert_eq!(passages.next().map(|passage| passage.text), Some("one".to_owned()));
/// assert_eq!(passages.text(), "two");
/// ```
#[derive(Debug)]
pub struct Passages<'a> {
    request: &'a Request,
    fetch: Page,
    page: std::vec::IntoIter<Passage>,
    next: u32,
    ended: bool,
}

impl Passages<'_> {
    /// Joins the texts that are left, each on lines of its own.
    #[must_use]
    pub fn text(self) -> String {
        let mut all = String::new();
        for passage in self {
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(&passage.text);
        }
        all
    }
}

impl Iterator for Passages<'_> {
    type Item = Passage;

    fn next(&mut self) -> Option<Passage> {
        if self.page.len() == 0 && !self.ended {
            let page = (self.fetch)(&self.request.host, self.next);
            self.next += PAGE;
            self.ended = is_last(&page);
            self.page = page.into_iter();
        }
        self.page.next()
    }
}

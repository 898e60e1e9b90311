//! The answer to an exchange that is turned away: it is not settled, runs no policy and writes no
//! line, as it must cost less than serving.

use std::time::Duration;

use bytes::Bytes;
use dialect::Dialect;
use http::{HeaderValue, Request, Response};
use http_body::Body;

use super::{REQUEST_ID, collect::decline, live};
use crate::{
    overload::ShedReason,
    refusal::{Code, Refusal},
    telemetry::metrics,
};

/// When to try again.
const AGAIN: Duration = Duration::from_secs(1);

/// The refusal for `reason`.
pub(super) fn overloaded(reason: ShedReason) -> Refusal {
    Refusal::new(Code::Overloaded, reason.message()).worth_retrying_after(AGAIN)
}

/// Answers at once; what the app is still sending is taken and forgotten meanwhile, so that it
/// reads the answer and not a reset.
pub(super) fn answer<B>(
    reason: ShedReason,
    dialect: Dialect,
    request: Request<B>,
) -> Response<live::Answer>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let refusal = overloaded(reason);
    metrics::refused(refusal.code.facts().0);
    let (mut head, body) = request.into_parts();
    if !body.is_end_stream() {
        let headers = head.headers.clone();
        tokio::spawn(async move { decline(&headers, body).await });
    }
    let mut response = refusal.answer(dialect);
    if let Some(id) = head.headers.remove(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let length = HeaderValue::from(response.body().len());
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length);
    response.map(|body| live::without_settlement(body.into()))
}

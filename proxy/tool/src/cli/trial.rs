//! `outrigger try`: one request, and a reply, through the configured chain, without a network.

use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::Bytes;
use dialect::Dialect;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use outrigger::{
    cli::{Stop, environment, finish},
    config::Config,
};

use crate::trial::{Canned, Palette, Provider, print, run};

/// The exit code of an exchange that was refused.
const REFUSED: u8 = 3;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 forwarded, or answered by a policy; 3 refused; 2 an argument, the configuration or a policy is wrong; 1 the machine is in the way.\n\
                  Nothing is sent anywhere: stores begin empty, and `fetch` is denied."
)]
pub(super) struct Arguments {
    /// The configuration whose chain is run. Variables and secrets' files may be missing here.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The request's body.
    request: PathBuf,
    /// The upstream's reply: a body, or a stream where its name ends in `.sse`.
    #[arg(long, value_name = "FILE")]
    reply: Option<PathBuf>,
    /// Has the model inside the binary reply, which repeats what it gets: it shows what is put back.
    #[arg(long, conflicts_with = "reply")]
    echo: bool,
    /// Status of that reply.
    #[arg(long, value_name = "STATUS", default_value = "200", requires = "reply")]
    status: StatusCode,
    /// The path that the app requests. Default: the dialect's.
    #[arg(long)]
    path: Option<String>,
    /// The dialect of the request, for its path. Default: by the body, where one of its members says
    /// so (`system`, `contents`, `input`, `prompt`), else openai.chat.
    #[arg(long, conflicts_with = "path")]
    dialect: Option<String>,
    /// A header of the request: `name: value`. May be repeated.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
}

pub(super) fn attempt(arguments: &Arguments) -> ExitCode {
    match outcome(arguments) {
        Ok(true) => ExitCode::from(REFUSED),
        Ok(false) => ExitCode::SUCCESS,
        Err(stop) => finish(Err(stop)),
    }
}

/// Prints what became of it. Returns whether it was refused.
fn outcome(arguments: &Arguments) -> Result<bool, Stop> {
    let (config, _) = Config::load_elsewhere(&arguments.config, &environment)?;
    let request = request(arguments).map_err(Stop::Mistake)?;
    let provider = match &arguments.reply {
        Some(file) => Provider::Canned(canned(file, arguments.status).map_err(Stop::Mistake)?),
        None if arguments.echo => Provider::Echo,
        None => Provider::Nobody,
    };
    let outcome = run(&arguments.config, config, request, provider).map_err(Stop::Mistake)?;
    let mut out = std::io::stdout();
    // <https://no-color.org>: any value but an empty one.
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let palette = Palette {
        is_coloured: out.is_terminal() && !is_plain,
    };
    out.write_all(print(&outcome, palette).as_bytes())?;
    Ok(outcome.is_refused())
}

fn read(file: &Path) -> Result<Bytes, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(bytes.into())
}

fn canned(file: &Path, status: StatusCode) -> Result<Canned, String> {
    Ok(Canned {
        status,
        bytes: read(file)?,
        is_stream: file.extension().is_some_and(|end| end == "sse"),
    })
}

fn request(arguments: &Arguments) -> Result<Request<Full<Bytes>>, String> {
    let body = read(&arguments.request)?;
    let path = match (&arguments.path, &arguments.dialect) {
        (Some(path), _) => path.clone(),
        (None, Some(name)) => path_of(name)?.to_owned(),
        (None, None) => guessed(&body).to_owned(),
    };
    let request = Request::builder().method(Method::POST).uri(&path);
    let mut request = request
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Full::new(body))
        .map_err(|_| format!("`{path}` is no path; write one like /v1/messages"))?;
    for header in &arguments.header {
        let parts = header.split_once(':');
        let parsed = parts.and_then(|(name, value)| {
            let name = HeaderName::try_from(name.trim()).ok()?;
            Some((name, HeaderValue::try_from(value.trim()).ok()?))
        });
        let (name, value) = parsed.ok_or("--header: write a header as `name: value`")?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn path_of(name: &str) -> Result<&'static str, String> {
    let known = Dialect::named(name).and_then(Dialect::example_path);
    known.ok_or_else(|| {
        let all = Dialect::ALL
            .into_iter()
            .filter(|dialect| dialect.example_path().is_some());
        let all: Vec<_> = all.map(Dialect::name).collect();
        format!("--dialect: `{name}` is none; write {}", all.join(", "))
    })
}

/// The path of the API whose requests have the members that this one has.
fn guessed(body: &[u8]) -> &'static str {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let has = |member: &str| body.get(member).is_some();
    let dialect = match () {
        () if has("contents") => Dialect::GeminiGenerate,
        () if has("input") => Dialect::OpenaiResponses,
        () if has("system") || has("stop_sequences") => Dialect::AnthropicMessages,
        () if has("prompt") => Dialect::OpenaiCompletions,
        () => Dialect::OpenaiChat,
    };
    dialect.example_path().unwrap_or("/v1/chat/completions")
}

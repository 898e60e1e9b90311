//! `telemetry:`, and OpenTelemetry's variables.

use super::*;

/// Reads an empty configuration in an environment.
fn traces(variables: &[(&str, &str)]) -> Result<Option<Traces>, String> {
    let variables: std::collections::BTreeMap<_, _> = variables.iter().copied().collect();
    let env = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let config = parse_in("", &env).map_err(|problems| problems.to_string())?;
    Ok(config.telemetry.traces)
}

const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

#[test]
fn without_an_exporter_nothing_is_traced_and_no_other_variable_counts() {
    for variables in [
        &[][..],
        &[
            ("OTEL_TRACES_SAMPLER", "nonsense"),
            ("OTEL_SERVICE_NAME", "app"),
        ],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
        &[BASE, ("OTEL_SDK_DISABLED", "TRUE")],
        &[BASE, ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert_eq!(traces(variables), Ok(None), "{variables:?}");
    }
}

#[test]
fn the_address_is_the_collectors_with_its_path_or_that_of_traces_as_it_is() {
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    for (variables, expected) in [
        (&[BASE][..], "http://collector:4318/v1/traces"),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://o.test/otlp/")],
            "https://o.test/otlp/v1/traces",
        ),
        (&[BASE, (own, "https://o.test/x")], "https://o.test/x"),
        (
            &[("OTEL_TRACES_EXPORTER", "otlp")],
            "http://localhost:4318/v1/traces",
        ),
        (
            &[
                BASE,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ],
            "http://collector:4318/v1/traces",
        ),
    ] {
        let traces = traces(variables).unwrap().unwrap();
        assert_eq!(traces.endpoint, expected);
    }
}

#[test]
fn defaults_are_the_specifications_and_a_traces_own_variable_counts_before_the_general() {
    let default = traces(&[BASE]).unwrap().unwrap();
    let times = (default.timeout, default.delay, default.patience);
    let seconds = Duration::from_secs;
    assert_eq!(times, (seconds(10), seconds(5), seconds(30)));
    assert_eq!((default.queue, default.batch), (2048, 512));
    assert!(default.sampler.parent_based && default.sampler.ratio == 1.0);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let attributes = [
        ("service.name", "outrigger".to_owned()),
        ("service.version", version),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(default.resource, attributes);

    let small = traces(&[BASE, ("OTEL_BSP_MAX_QUEUE_SIZE", "100")]);
    assert_eq!(small.unwrap().unwrap().batch, 100);

    let set = traces(&[
        BASE,
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=general"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "authorization=Basic%20eA%3D%3D, x-b = c",
        ),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ("OTEL_SERVICE_NAME", "mine"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=theirs,team=a%2Cb,service.version=2",
        ),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ]);
    let set = set.unwrap().unwrap();
    let headers = set.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.reveal()))
        .collect();
    assert_eq!(headers, [("authorization", "Basic eA=="), ("x-b", "c")]);
    let attributes = set.resource.iter();
    let attributes: Vec<_> = attributes
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected = [
        ("team", "a,b"),
        ("service.version", "2"),
        ("service.name", "mine"),
    ];
    assert_eq!(attributes, expected);
    assert_eq!((set.sampler.parent_based, set.sampler.ratio), (false, 0.25));
    let millis = Duration::from_millis;
    assert_eq!((set.timeout, set.delay), (millis(300), millis(100)));
    assert_eq!((set.queue, set.batch), (100, 10));
}

#[test]
fn each_mistake_in_a_variable_is_named_without_its_value() {
    for (name, value, words) in [
        ("OTEL_SDK_DISABLED", "maybe", "neither `true` nor `false`"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "`otlp`"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4318",
            "http://HOST:4318",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://u:canary@c",
            "a password",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "`none`"),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "/k",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "canary",
            "`name=value,name=value`",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", "percent-encoded"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=canary", "headers"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=canary%0a", "headers"),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/no/such",
            "does not exist",
        ),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/hostname", "PEM"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "1 to"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "attributes"),
        (
            "OTEL_TRACES_SAMPLER",
            "jaeger_remote",
            "`parentbased_always_on`",
        ),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "1 to"),
        (
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            "4096",
            "OTEL_BSP_MAX_QUEUE_SIZE",
        ),
    ] {
        let problem = traces(&[BASE, (name, value)]).unwrap_err();
        let named = format!("environment: {name}: ");
        assert!(
            problem.starts_with(&named) && problem.contains(words),
            "{problem}"
        );
        assert!(
            !problem.contains("canary") && problem.lines().count() == 1,
            "{problem}"
        );
    }
    let share = [
        BASE,
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "25%"),
    ];
    assert!(traces(&share).unwrap_err().contains("from 0 to 1"));
}

#[test]
fn names_and_the_place_of_a_callers_span_are_chosen_by_words() {
    let default = parse("").unwrap().telemetry;
    assert_eq!(default, Telemetry::default());
    let set = parse("telemetry: { names: genai-0.1, remote_parent: link }").unwrap();
    assert_eq!(set.telemetry.names, Names::Genai01);
    assert_eq!(set.telemetry.remote_parent, RemoteParent::Link);
    mistakes(
        r#"
            telemetry: { names: new } => telemetry.names | `classic`, `genai-0.1` and `both`
            telemetry: { remote_parent: child } => telemetry.remote_parent | `parent` nor `link`
            telemetry: { traces: on } => unknown field `traces` | `names`
        "#,
    );
    let changed = parse("").unwrap().restart_needed(&set);
    assert_eq!(changed, ["telemetry"]);
}

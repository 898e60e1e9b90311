"""Checks the dashboard, the alert rules and their runbooks: against the metrics that exist, with the real promtool, and against each other.

    dashboards.py names [METRICS]   every metric and label of every expression exists; METRICS is the text of a /metrics with policies' own
    dashboards.py promtool [TOOLS]  promtool reads every expression, and the rules do what their unit tests say
    dashboards.py layout            the dashboard's panels, variables and links
    dashboards.py runbooks          alerts and runbooks are one to one
"""
import json, pathlib, re, shutil, subprocess, sys, tempfile, yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BOARD = json.loads((DEPLOY / "grafana/outrigger.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/outrigger.rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]

# What a scrape adds.
TARGET = {"namespace", "pod", "container", "endpoint", "job", "instance"}
# Metrics of others, with the labels that we rely on: Prometheus, kube-state-metrics, the API server.
OTHERS = {
    "up": set(),
    "kube_pod_init_container_status_ready": set(),
    "kube_pod_container_status_ready": set(),
    "kube_pod_status_phase": {"phase"},
    "apiserver_admission_webhook_rejection_count": {"name", "error_type"},
    "apiserver_admission_webhook_fail_open_count": {"name"},
}
# In this version, from rooms beside this one: those that the table has are held to it.
COMING = {
    "outrigger_connections_total": {"mode", "action"},
    "outrigger_tunnel_bytes_total": {"direction"},
    "outrigger_tls_passthrough_total": {"reason"},
    "outrigger_connections_open": set(),
    "outrigger_shed_total": {"reason"},
    "outrigger_memory_pressure": set(),
    "outrigger_connections_refused_total": {"mode", "reason"},
    "outrigger_connections_cut_total": {"reason"},
    "outrigger_tunnels": set(),
    "outrigger_landlock_abi": set(),
}
WORDS = set("""and or unless by without on ignoring group_left group_right bool offset inf nan
    sum min max avg count topk bottomk quantile stddev group""".split())


def table():
    """The metrics of proxy/sidecar/src/telemetry/table.rs, with their labels."""
    text = (ROOT / "proxy/sidecar/src/telemetry/table.rs").read_text()
    found = {}
    for name, kind, labels in re.findall(r'= "([a-z_]+)", Kind::(\w+)(?:\(\w+\))?,\s*\[([^\]]*)\]', text):
        labels = set(re.findall(r'"([^"]+)"', labels))
        if kind == "Histogram":
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[name] = labels
    assert len(found) > 30, "table.rs is written in another way: read it anew"
    return found


def own(path):
    """What policies count by themselves: gauges and histograms from a /metrics that has them, counters (which begin with their first event) from
    the policies' sources. Their labels are the policy's affair, so any will do."""
    names = set(re.findall(r"^# TYPE (outrigger_policy_\w+) ", pathlib.Path(path).read_text(), re.M)) if path else set()
    for source in (ROOT / "plugins").glob("*/src/**/*.rs"):
        policy = source.relative_to(ROOT / "plugins").parts[0].replace("-", "_")
        names |= {f"outrigger_policy_{policy}_{name}_total" for name in re.findall(r'metrics::count\(\s*"(\w+)"', source.read_text())}
    return dict.fromkeys(names)


def read(expression):
    """The metrics of an expression with the labels that their selectors name, and all labels that its groupings name."""
    expression = re.sub(r"\[[^\]]*\]", "", expression)           # ranges
    expression = re.sub(r"#.*", "", expression)
    expression = re.sub(r'count_values\("\w+",', "count(", expression)
    groupings = set()
    for names in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression):
        groupings |= {name.strip() for name in names.split(",") if name.strip()}
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    metrics = []
    for name, selector in re.findall(r'([a-zA-Z_:][\w:]*)\s*(\{(?:[^}"]|"[^"]*")*\})?(?!\s*\(|[\w:])', re.sub(r"\b\d[\w.]*", " ", bare)):
        if name not in WORDS:
            metrics.append((name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector))))
    assert metrics, f"no metric found in {expression}"
    return metrics, groupings


def expressions():
    """Every expression with where it is."""
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for note in BOARD["annotations"]["list"]:
        yield f"annotation {note['name']}", note["expr"]
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            yield f"variable {variable['name']}", f"count by ({label}) ({metric})"


def names():
    # The reader itself.
    assert read('sum by (a, le) (rate(x_bucket{b=~"$c", d!="}"}[5m])) > 2 and on (e) y offset 15m == 1e3') == (
        [("x_bucket", {"b", "d"}), ("y", set())], {"a", "le", "e"})
    known = table()
    waiting = sorted(set(COMING) - set(known))
    if waiting:
        print(f"not in the table yet: {', '.join(waiting)}")
    path = sys.argv[2] if len(sys.argv) > 2 else None
    known = OTHERS | COMING | known | own(path)
    seen = set()
    for where, expression in expressions():
        metrics, groupings = read(expression)
        possible = set(TARGET)
        for metric, labels in metrics:
            if not path and metric.startswith("outrigger_policy_"):
                known.setdefault(metric, None)
            assert metric in known, f"{where}: there is no metric {metric}"
            seen.add(metric)
            if known[metric] is None:
                possible = None
            elif possible is not None:
                possible |= known[metric]
                wrong = labels - known[metric] - TARGET
                assert not wrong, f"{where}: {metric} has no label {wrong}"
        assert possible is None or groupings <= possible, f"{where}: nothing has {groupings - possible}"
    # And the other way round: most of what is served is shown.
    base = lambda name: re.sub(r"_(bucket|sum|count)$", "", name)
    served = {base(name) for name in table()}
    unseen = served - {base(name) for name in seen}
    assert len(unseen) < len(served) / 5, f"on no panel and in no alert: {sorted(unseen)}"
    print(f"on no panel and in no alert: {', '.join(sorted(unseen)) or 'none'}")
    for rule in ALERTS:
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert re.search(rf"\b{label}\b", rule["expr"]) or label in TARGET | {"budget", "tenant"}, f"{rule['alert']}: {label}"
    print(f"{len(seen)} metrics in {len(list(expressions()))} expressions")


def promtool():
    tool = shutil.which("promtool") or shutil.which("promtool", path=str(pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else "")
    if not tool:
        print("NOT CHECKED: there is no promtool; tests/setup.sh installs it")
        return
    def run(*arguments):
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, cwd=DEPLOY / "prometheus")
        assert done.returncode == 0, f"promtool {arguments}: {done.stdout}{done.stderr}"
        return done.stdout
    said = run("check", "rules", "outrigger.rules.yaml")
    assert f"{len(ALERTS)} rules found" in said, said
    assert "SUCCESS" in run("test", "rules", "outrigger.rules.test.yaml")
    tests = (DEPLOY / "prometheus/outrigger.rules.test.yaml").read_text()
    for rule in ALERTS:
        assert tests.count(f"alertname: {rule['alert']}") + tests.count(f'alertname="{rule["alert"]}"') >= 1, f"{rule['alert']} has no unit test"
    # The dashboard's expressions, read by Prometheus itself.
    values = {"$__rate_interval": "5m", "$__range": "3h"}
    rules = []
    for number, (_, expression) in enumerate(expressions()):
        for variable, value in values.items():
            expression = expression.replace(variable, value)
        rules.append({"record": f"r:{number}", "expr": re.sub(r"\$\w+", ".*", expression)})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}, file)
        file.flush()
        run("check", "rules", file.name)
    print(f"promtool: {len(ALERTS)} alerts, {len(rules)} expressions")


def layout():
    panels = BOARD["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids)) and all(ids)
    cells = set()
    for panel in panels:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not mine & cells, f"{panel['title']}: lies over another"
        cells |= mine
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            for name in re.findall(r"\$(\w+)", target["expr"]):
                assert name in ("namespace", "pod", "plugin", "__rate_interval", "__range"), f"{panel['title']}: ${name}"
            for metric, labels in read(target["expr"])[0]:
                assert {"namespace", "pod"} <= labels, f"{panel['title']}: {metric} is not narrowed by namespace and pod"
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            if kept:
                assert shown <= {name.strip() for names in kept for name in names.split(",")}, f"{panel['title']}: {shown}"
    titles = [(panel["type"], panel["title"]) for panel in panels]
    assert len(titles) == len(set(titles))
    variables = [variable["name"] for variable in BOARD["templating"]["list"]]
    assert variables == ["datasource", "namespace", "pod", "plugin"], variables
    assert BOARD["uid"] == "outrigger" and "id" not in BOARD and "__inputs" not in BOARD
    print(f"dashboard: {len(panels)} panels")


def runbooks():
    books = {path.stem: path.read_text() for path in (DEPLOY / "runbooks").glob("*.md")}
    books.pop("README", None)
    alerts = {rule["alert"]: rule for rule in ALERTS}
    assert len(alerts) == len(ALERTS), "an alert is there twice"
    assert set(books) == set(alerts), f"without the other: {set(books) ^ set(alerts)}"
    home = "https://github.com/outrigger-proxy/outrigger/blob/main/deploy/runbooks"
    known = set(table()) | set(COMING) | set(OTHERS)
    known |= {re.sub(r"_(bucket|sum|count)$", "", name) for name in known}
    labels = set().union(*table().values())
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"{home}/{name}.md", name
        assert rule["annotations"]["summary"] and rule["annotations"]["description"] and rule["labels"]["severity"], name
        text = books[name]
        assert text.startswith(f"# {name}\n"), name
        heads = re.findall(r"^## (.*)$", text, re.M)
        assert heads == ["What it means", "How to see it", "Causes", "What to do", "When it is fine"], f"{name}: {heads}"
        assert "```sh\n" in text, f"{name}: no command"
        for metric in re.findall(r"\b(outrigger_[a-z_]+|gen_ai_[a-z_]+)\b", text):
            family = metric.endswith("_") and any(other.startswith(metric) for other in known)      # grep's
            assert metric in known | labels or family or metric.startswith("outrigger_policy_"), f"{name}: there is no metric {metric}"
        for path in re.findall(r"127\.0\.0\.1:4190(/\w*)", text):
            assert path in ("/healthz", "/readyz", "/metrics", "/policies", "/generation", "/state", "/targets"), f"{name}: {path}"
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (DEPLOY / "runbooks" / link).exists(), f"{name}: {link}"
    print(f"{len(alerts)} alerts, {len(books)} runbooks")


if __name__ == "__main__":
    {"names": names, "promtool": promtool, "layout": layout, "runbooks": runbooks}[sys.argv[1]]()

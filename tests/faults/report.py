"""What the results of campaign.py say, as Markdown."""

from pauses import percentile

LOGS = {"kafka": "Kafka", "rabbitmq": "RabbitMQ"}
# Component, fault: the p99 of the pause, and whether it counts from when something took its place.
BOUNDS = {
    ("gateway", "kill"): (3.0, False),
    ("worker", "kill"): (1.5, False),
    ("worker alone in its role", "kill"): (1.5, False),
    ("redis master (Sentinel)", "kill"): (1.0, True),
    ("redis master (Sentinel)", "kill, replica held back"): (1.0, True),
    ("redis master (Cluster)", "kill"): (1.0, True),
    ("redis master (Cluster)", "kill, replica held back"): (1.0, True),
}
BROKER_BOUNDS = {
    "kafka": {
        ("broker", "kill"): (3.0, False),
        ("broker, active controller", "kill"): (5.0, False),
    },
    "rabbitmq": {
        ("broker", "kill"): (5.0, False),
        ("broker, leads most streams", "kill"): (5.0, False),
        ("broker, leads the coordinator", "kill"): (5.0, False),
        ("broker, most clients", "kill"): (5.0, False),
    },
}
# Nobody behind a load balancer may notice these but by waiting.
NO_ERRORS = {("gateway", "kill"), ("worker", "kill"), ("worker alone in its role", "kill")}
WRONG = ("lost", "contradicted", "oversold", "double_charged")


def report(records):
    """The text, and whether all that must hold did."""
    parts, good = [], True
    for log, of_log in by_log(records).items():
        text, this_good = report_of(log, of_log)
        parts.append(f"### Over {LOGS[log]}\n\n{text}")
        good = good and this_good
    return "\n\n".join(parts), good


def by_log(records):
    """{log: its records}, of those logs that have some."""
    # What is older than RabbitMQ here does not name its log.
    log_of = {record["run"]: record.get("log", "kafka")
              for record in records if record["type"] == "run"}
    sorted_out = {log: [record for record in records if log_of[record["run"]] == log]
                  for log in LOGS}
    return {log: of_log for log, of_log in sorted_out.items() if of_log}


def checked_faults(records):
    """{(component, fault): its records}, of the runs that came to their last check."""
    ended = {record["run"] for record in records
             if record["type"] == "end" and "stuck" not in record}
    found = {}
    for record in records:
        if record["type"] == "fault" and record["run"] in ended:
            found.setdefault((record["component"], record["fault"]), []).append(record)
    return dict(sorted(found.items()))


def pauses_of(faults):
    return [fault["pause_s"] for fault in faults if fault["pause_s"] is not None]


def report_of(log, records):
    """As `report`, of runs over one kind of log."""
    bounds = {**BOUNDS, **BROKER_BOUNDS[log]}
    all_ended = {record["run"]: record for record in records if record["type"] == "end"}
    stuck = [record for record in all_ended.values() if "stuck" in record]
    ended = {run: record for run, record in all_ended.items() if "stuck" not in record}
    runs = [record for record in records if record["type"] == "run"]
    calm = [record for record in records if record["type"] == "calm"]
    unfinished = [record["run"] for record in runs if record["run"] not in all_ended]
    checked = checked_faults(records)
    rows, errors = [], 0
    for kind, of_kind in checked.items():
        rows.append(row(kind, of_kind, bounds.get(kind)))
        errors += kind in NO_ERRORS and sum(sum(f["errors"].values()) for f in of_kind)
    totals = {name: sum(len(record[name]) for record in all_ended.values())
              for name in WRONG}
    complaints = sum("level=critical" in line for record in all_ended.values()
                     for line in record["complaints"])
    lines = [
        "| component | fault | times | p50 s | p99 s | max s | until replaced, p50 and max s "
        "| beyond it, p99 s | lasted, max s | errors | bound of p99 s |",
        "|---|---|---|---|---|---|---|---|---|---|---|", *rows, "",
        f"{sum(map(len, checked.values()))} faults in {len(ended)} runs; {len(unfinished)} runs more were ended "
        f"before their check, and {len(stuck)} did not recover within two minutes; they do not count. "
        f"Processes called for a human {complaints} times.",
        f"Clients were given {sum(r['acknowledged'] for r in ended.values())} definite answers to "
        f"writes and paid {sum(r['checkouts_paid'] for r in ended.values())} checkouts; "
        f"{sum(r['checks'] for r in ended.values())} comparisons.",
        ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in totals.items()) + ".",
        calm_text(calm), "", deployments(runs, ended)]
    good = not any(totals.values()) and not stuck and not errors
    return "\n".join(lines), good


def calm_text(calm):
    """How the machine was, so that one can judge the pauses."""
    longest = [record["pause_s"] for record in calm if record["pause_s"] is not None]
    loads = [record["machine_load"] for record in calm if "machine_load" in record]
    if not longest:
        return "No run was seen without a fault."
    text = (f"In the four seconds before the first fault of a run, its longest request took "
            f"{percentile(longest, 50):.2f} s in the median of {len(longest)} runs, "
            f"{max(longest):.2f} s at most")
    if loads:
        text += (f"; the machine's load was {percentile(loads, 50):.0f} in the median, "
                 f"{max(loads):.0f} at most")
    return f"{text}."


def row(kind, faults, bounded):
    pauses = pauses_of(faults)
    replaced = [fault["replaced_s"] for fault in faults if "replaced_s" in fault]
    beyond = [max(0.0, fault["pause_s"] - fault["replaced_s"]) for fault in faults
              if "replaced_s" in fault]
    lasted = [fault["lasted_s"] for fault in faults if "lasted_s" in fault]
    errors = {}
    for fault in faults:
        for name, count in fault["errors"].items():
            errors[name] = errors.get(name, 0) + count
    bound = ""
    if bounded:
        limit, from_replacement = bounded
        reached = percentile(beyond if from_replacement else pauses, 99)
        met = reached is not None and reached <= limit
        bound = f"{limit}{' beyond' if from_replacement else ''}: {'met' if met else 'NOT met'}"
    return "| " + " | ".join([
        *kind, str(len(faults)), *(number(percentile(pauses, share)) for share in (50, 99, 100)),
        f"{number(percentile(replaced, 50))}, {number(max(replaced))}" if replaced else "",
        number(percentile(beyond, 99)) if beyond else "",
        number(max(lasted)) if lasted else "",
        ", ".join(f"{name}: {count}" for name, count in sorted(errors.items())) or "0",
        bound]) + " |"


def number(value):
    return "" if value is None else f"{value:.2f}"


def deployments(runs, ended):
    """How many checked runs there were of each."""
    counts = {}
    for run in runs:
        if run["run"] in ended:
            for name in ("store", "commit", "each", "brokers", "strict_reads"):
                counts.setdefault(name, {}).setdefault(str(run[name]), 0)
                counts[name][str(run[name])] += 1
    return "Runs by " + "; ".join(
        f"{name.replace('_', ' ')}: " + ", ".join(
            f"{value} ({count})" for value, count in sorted(of.items()))
        for name, of in counts.items()) + "."

"""RESULTS.md, made of the measurements alone."""

import statistics

from .load import THINK_SECONDS, VERIFY, ZIPF_THETA

KINDS = {
    "noop": "a GET that touches no data",
    "uniform": "checkouts, two random items an order",
    "hot": "checkouts, everybody buys the same item",
    "zipf": f"checkouts, few items are bought often (Zipf, {ZIPF_THETA})",
    "paced": "checkouts, two random items an order, sent at a fixed rate",
    "users": f"checkouts, by users who think for {THINK_SECONDS} s between two",
}


class Figures:
    """What was measured, grouped by system and workload."""

    def __init__(self, results):
        self.results = results
        self.by_place = {}
        self.failed = []
        for each in results["measurements"]:
            if "failed" in each:
                self.failed.append(each)
            else:
                self.by_place.setdefault((each["system"], each["workload"]), []).append(each)

    def of(self, system, workload, *path):
        """One value a run, e.g. of("settle", "hot-256", "latency_us", "p50")."""
        values = []
        for value in self.by_place.get((system, workload), []):
            for name in path:
                value = (value or {}).get(name)
            if value is not None:
                values.append(value)
        return values

    def median(self, system, workload, *path):
        """None: it was not measured."""
        values = self.of(system, workload, *path)
        return statistics.median(values) if values else None

    def title(self, system):
        return self.results["systems"][system]["title"]

    def systems_with(self, workload):
        return [s for s in self.results["systems"] if (s, workload) in self.by_place]

    def workloads(self, kind):
        found = {(int(m["workload"].rpartition("-")[2]), m["workload"])
                 for m in self.results["measurements"] if m["kind"] == kind and "failed" not in m}
        return [workload for _, workload in sorted(found, reverse=True)]


def amount(workload):
    """What the number in a workload's name means."""
    kind, _, count = workload.rpartition("-")
    if kind == "paced":
        return f"{int(count):,} a second"
    if kind == "users":
        return f"{int(count):,} of them, a connection each"
    return f"{count} connection{'' if count == '1' else 's'}"


def number(value):
    """Three significant digits, thousands grouped."""
    if value >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def spread(values, scale=1.0):
    """The median, and what all runs lie between."""
    if not values:
        return "–"
    values = [value * scale for value in values]
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}..{number(max(values))})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def page(results, plots):
    """The text; `plots` are (file, caption), relative to where the text will be."""
    figures = Figures(results)
    parts = [opening(results), tables(figures), against_itself(figures), ratios(figures)]
    shown = "\n\n".join(f"![{caption}]({file})" for file, caption in plots)
    parts += [f"## Plots\n\n{shown}\n" if shown else "", truth(figures), limits(figures),
              remarks(figures), method(figures), configurations(figures)]
    return "\n".join(part for part in parts if part)


def opening(results):
    about, settings = results["machine"], results["settings"]
    text = "# Settle and its peers, measured\n\n"
    if results["quick"]:
        text += ("**A quick trial to see that everything works: one short run on a machine that "
                 "may have been busy. These are not figures to quote.**\n\n")
    text += table(["", ""], [
        ["date", about["date"]],
        ["machine", f"{about['cores']} cores ({about['processor']}), "
                    f"{about['memory_gib']} GiB memory"],
        ["system", about["system"]],
        ["file system of all data", about["file_system"]],
        ["revision", about["revision"]],
        ["versions", "; ".join(f"{name}: {text}" for name, text in about["versions"].items())],
        ["load average before", f"{about['load_average']:.2f}"],
    ]).replace("---:", "---")
    text += ("\nEverything, this page included, comes from one command:\n\n"
             f"```\n{results['command']}\n```\n\n"
             f"{results['runs']} run{'' if results['runs'] == 1 else 's'} of every measurement, "
             f"{settings['duration_s']:g} s each after {settings['warmup_s']:g} s of warm-up. "
             "A figure is the median of the runs; in parentheses the lowest and the highest.\n")
    return text


def tables(figures):
    text = "## Figures\n"
    for kind, caption in KINDS.items():
        for workload in figures.workloads(kind):
            systems = figures.systems_with(workload)
            text += f"\n### {caption[0].upper()}{caption[1:]}: {amount(workload)}\n\n"
            text += table(
                ["", "requests/s", "p50, ms", "p99, ms", "server CPU, µs a request"],
                [[figures.title(s), spread(figures.of(s, workload, "rate_per_s")),
                  spread(figures.of(s, workload, "latency_us", "p50"), 1e-3),
                  spread(figures.of(s, workload, "latency_us", "p99"), 1e-3),
                  spread(figures.of(s, workload, "server_us_per_request"))] for s in systems])
    return text


def against_itself(figures):
    """Settle's checkouts as parts of its own no-op route and of its uniform load."""
    rows = []
    for workload in figures.workloads("uniform"):
        checkouts = figures.median("settle", workload, "rate_per_s")
        nothing = figures.median("settle", workload.replace("uniform", "noop"), "rate_per_s")
        if checkouts and nothing:
            rows.append([f"{workload} / no-op route", number(checkouts / nothing)])
    for kind in ("hot", "zipf"):
        for workload in figures.workloads(kind):
            found = figures.median("settle", workload, "rate_per_s")
            uniform = figures.median("settle", workload.replace(kind, "uniform"), "rate_per_s")
            if found and uniform:
                rows.append([f"{workload} / uniform", number(found / uniform)])
    if not rows:
        return ""
    return ("## Settle against itself\n\nRatios of the medians of the rates. The no-op route is "
            "`GET /livez` of the same process, under the same load.\n\n" +
            table(["", "ratio"], rows))


def ratios(figures):
    """How many times the rate of each other system Settle's is."""
    if "settle" not in figures.results["systems"]:
        return ""
    rows = []
    for kind in KINDS:
        for workload in figures.workloads(kind):
            ours = figures.median("settle", workload, "rate_per_s")
            others = [s for s in figures.systems_with(workload) if s != "settle"]
            if not ours:
                continue
            for other in others:
                theirs = figures.median(other, workload, "rate_per_s")
                if theirs:
                    p50 = (figures.median(other, workload, "latency_us", "p50") /
                           figures.median("settle", workload, "latency_us", "p50"))
                    rate = "–" if kind == "paced" else f"{number(ours / theirs)} ×"
                    rows.append([f"{figures.title(other)}, {workload}", rate, f"{number(p50)} ×"])
    if not rows:
        return ""
    return ("## Settle against each\n\nRatios of the medians: above 1, Settle is faster.\n\n" +
            table(["", "rate: Settle / it", "p50: it / Settle"], rows))


def truth(figures):
    workload = VERIFY.key
    rows = []
    for system in figures.systems_with(workload):
        found, checkouts = (figures.of(system, workload, name)
                            for name in ("differences", "checkouts"))
        rows.append([figures.title(system), f"{sum(checkouts):,}", f"{sum(found):,}",
                     f"{min(found):,}..{max(found):,}"])
    if not rows:
        return ""
    return ("## Whether the answers are true\n\n`settle verify --no-keys` checks orders out over "
            f"{VERIFY.connections} connections where goods or credit are scarce, reads all back "
            "and compares it with the answers: what was answered 200 is paid and nothing else is, "
            "exactly what was sold is gone from stock and credit, nothing is oversold or charged "
            "twice. No faults are injected.\n\n" +
            table(["", "checkouts", "differences", "a run"], rows))


def limits(figures):
    prepared = figures.of("fdatasync", "sync-1", "prepared", "p50")
    if not prepared:
        return ""
    rows = [[label] + [spread(figures.of("fdatasync", "sync-1", how, q), 1e-3)
                       for q in ("p50", "p90", "p99", "max")]
            for label, how in (("at the end of a growing file", "growing"),
                               ("into space written before", "prepared"))]
    return ("## The disk\n\nOne record of 4 KiB, written and kept by `fdatasync`, in ms:\n\n" +
            table(["", "p50", "p90", "p99", "longest"], rows))


def remarks(figures):
    """What the tables do not show, and what failed."""
    lines = []
    for (system, workload), each in sorted(figures.by_place.items()):
        said = sorted({remark for m in each for remark in m["remarks"]})
        busy = [m["other_cores"] + m["stolen_cores"] for m in each if "other_cores" in m]
        if busy and max(busy) > 0.1:
            said.append(f"others used up to {max(busy):.1f} cores of the machine meanwhile")
        lines += [f"- {figures.title(system)}, {workload}: {remark}" for remark in said]
    lines += [f"- {figures.title(each['system'])}, {each['workload']}, run {each['run'] + 1} "
              f"**failed**: {each['failed'].splitlines()[0]}" for each in figures.failed]
    return "## Remarks\n\n" + "\n".join(lines) + "\n" if lines else ""


def method(figures):
    settings = figures.results["settings"]
    tuning = figures.results["tuning"]
    text = f"""## What is measured

All systems, the load generator and their data share this one machine: what the generator needs is
not there for the server, so the figures compare systems and are not the most that each can do on
machines of its own. Only one system runs at a time; every run begins with another one, and every
system is started with fresh data in every run. The generator (`settle bench checkout`, one thread)
is a closed loop: a connection sends its next request when the last one was answered; the latency
is that of this request. A slow system is therefore asked less often, so its latency is that of a
system at its own limit. At a fixed rate (where that is measured) all are asked equally often, and
a latency counts from the moment at which the request was due.

Every order is checked out once, so every answer 200 is a sale. There are {settings['orders']:,}
orders of two items, {settings['items']:,} items and {settings['users']:,} users; the naive shop has
{settings['slow_orders']:,} orders, since filling it takes long and it sells few. With the hot item,
there is one item and every order has two lines of it. Orders for the Zipf load are created one by
one over HTTP: as many in Settle, {settings['peer_zipf_orders']:,} in PostgreSQL, and
{settings['slow_zipf_orders']:,} in the naive shop. Nothing runs out of stock or credit.

What differs is what an answer means. Settle and PostgreSQL answer when the checkout is on the disk
as a whole; Settle also keeps an attempt's history and the answers of recent requests. The naive
shop answers when Redis has it in memory, and its answers can contradict each other.

Server CPU is the processor time of all processes of the system, per request, without the load
generator's.
"""
    if tuning:
        text += ("\nBefore the runs, short trials: "
                 "pgbench with " + listed(tuning["clients_trials"], "clients") + "; the front with "
                 + listed(tuning["pool_trials"], "connections to the database") +
                 f". Taken: {tuning['clients']} and {tuning['pool']}.\n")
    return text


def listed(trials, noun):
    return ", ".join(f"{value} {noun}: {number(rate)}/s" for value, rate in trials)


def configurations(figures):
    return "## Who is measured\n\n" + "\n".join(
        f"- **{each['title']}.** {each['about']}"
        for each in figures.results["systems"].values()) + "\n"

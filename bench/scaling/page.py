"""SCALE.md and its plots, made of the measurements and of the fault campaign's results alone."""

import statistics

from comparison.page import number, spread, table
from pauses import percentile
from report import LOGS, by_log, checked_faults, pauses_of

WORKLOADS = {
    "uniform-256": "256 connections, two random items an order",
    "hot-256": "256 connections, everybody buys the same item",
    "uniform-1": "One connection",
}
COLOURS = {"gateway": "#1b6ca8", "order": "#4f93c4", "stock": "#86b8d9", "payment": "#bcd8ea",
           "settle": "#1b6ca8", "Kafka": "#c8553d", "RabbitMQ": "#d98324", "Redis": "#a8b545", "nginx": "#7a7a7a"}


class Figures:
    def __init__(self, results):
        self.results = results
        self.names = list(results["deployments"])

    def of(self, name, workload, *path):
        values = []
        for each in self.results["measurements"]:
            if each["deployment"] == name and each["workload"] == workload:
                for key in path:
                    each = (each or {}).get(key)
                if each is not None:
                    values.append(each)
        return values

    def total_cpu(self, name, workload):
        return [sum(costs.values()) for costs in self.of(name, workload, "cpu_us")]

    def with_workload(self, workload):
        return [name for name in self.names if self.of(name, workload, "rate_per_s")]


def pauses(records):
    """{(component, fault): {log: pauses in s}}."""
    found = {}
    for log, of_log in by_log(records).items():
        for kind, faults in checked_faults(of_log).items():
            if pauses_of(faults):
                found.setdefault(kind, {})[log] = pauses_of(faults)
    return dict(sorted(found.items()))


def pause_table(found):
    """Markdown."""
    logs = [log for log in LOGS if any(log in of for of in found.values())]
    return table(["", *(LOGS[log] for log in logs)], [
        [": ".join(kind), *(f"{percentile(of[log], 50):.2f}, {percentile(of[log], 99):.2f}, "
                  f"{max(of[log]):.2f} ({len(of[log])})" if log in of else "–" for log in logs)]
        for kind, of in found.items()])


def page(results, plots, faults=()):
    """`faults`: what tests/faults/campaign.py has written."""
    figures = Figures(results)
    about = results["machine"]
    text = "# Settle in one process, over Kafka and over RabbitMQ, measured\n\n"
    if results["quick"]:
        text += "**One short run, to see that everything works; not figures to quote.**\n\n"
    text += table(["", ""], [
        ["date", about["date"]],
        ["machine", f"{about['cores']} cores ({about['processor']}), "
                    f"{about['memory_gib']} GiB memory; servers, services and the load generator "
                    "all on it"],
        ["revision", about["revision"]],
        ["load average before", f"{about['load_average']:.2f}"],
    ]).replace("---:", "---")
    text += (f"\nOne broker, one Redis, one process a role. From `{results['command']}`: "
             f"{results['runs']} runs, {results['settings']['duration_s']:g} s each; the median, "
             "and in parentheses the lowest and the highest.\n")
    for workload, caption in WORKLOADS.items():
        names = figures.with_workload(workload)
        if not names:
            continue
        text += f"\n## {caption}\n\n" + table(
            ["", "checkouts/s", "p50, ms", "p99, ms", "CPU, µs a checkout"],
            [[results["deployments"][n], spread(figures.of(n, workload, "rate_per_s")),
              spread(figures.of(n, workload, "p50_ms")), spread(figures.of(n, workload, "p99_ms")),
              spread(figures.total_cpu(n, workload))] for n in names])
    if plots:
        text += "".join(f"\n![{caption}]({file})\n" for caption, file in plots)
    text += ("\nCPU: of all services and servers together, without the load generator.\n"
             "\n## Where the time goes\n\nMicroseconds of processor time a checkout, 256 "
             "connections, two random items an order.\n\n")
    names = figures.with_workload("uniform-256")
    groups = [g for g in COLOURS if any(figures.of(n, "uniform-256", "cpu_us", g) for n in names)]
    text += table(["", *groups], [
        [results["deployments"][n],
         *(cell(figures.of(n, "uniform-256", "cpu_us", group)) for group in groups)]
        for n in names])
    starts = [(results["deployments"][n] + after, figures.of(n, workload, "ready_s"))
              for n in figures.names
              for workload, after in (("ready", ""), ("killed", ", after kill -9"))]
    starts = [[title, spread(values)] for title, values in starts if values]
    if starts:
        text += ("\n## Start\n\nFrom starting all services until a gateway is ready; the servers "
                 "run.\n\n" + table(["", "s"], starts))
    waited = pauses(faults)
    if waited:
        text += ("\n## Pause after each fault\n\nSeconds that the slowest of all requests took "
                 "around a fault: p50, p99 and max of so many faults. Three brokers or one, one "
                 "Redis, Sentinel or a cluster, up to ten workers of each role; "
                 "[docs/FAULTS.md](../docs/FAULTS.md) has the campaign.\n\n" + pause_table(waited))
    failed = [m for m in results["measurements"] if "failed" in m]
    if failed:
        text += "\n## Failed\n\n" + "".join(
            f"- {results['deployments'][m['deployment']]}, run {m['run'] + 1}: {m['failed']}\n"
            for m in failed)
    remarks = [f"- {results['deployments'][m['deployment']]}, {m['workload']}, run {m['run'] + 1}: "
               f"answers {m['answers']}, errors {m['errors']}\n"
               for m in results["measurements"]
               if m.get("errors") or set(m.get("answers", {})) - {"200"}]
    if remarks:
        text += "\n## Other answers than 200\n\n" + "".join(remarks)
    return text


def cell(values):
    return number(statistics.median(values)) if values else "–"


def draw_pauses(found, file):
    """Half of the pauses are shorter than the bar, all of them end at the whisker."""
    from comparison.plots import plt  # with its settings
    figure, axes = plt.subplots(figsize=(8, 0.8 + 0.4 * len(found)))
    colours = {"kafka": COLOURS["Kafka"], "rabbitmq": COLOURS["RabbitMQ"]}
    for side, (log, colour) in enumerate(colours.items()):
        rows = [at for at, of in enumerate(found.values()) if log in of]
        values = [of[log] for of in found.values() if log in of]
        middles = [percentile(each, 50) for each in values]
        rest = [[0] * len(values), [max(e) - m for e, m in zip(values, middles)]]
        axes.barh([at + (side - 0.5) * 0.4 for at in rows], middles, xerr=rest, color=colour,
                  height=0.38, label=LOGS[log], error_kw={"elinewidth": 0.8, "capsize": 2})
    axes.set_yticks(range(len(found)), [": ".join(kind) for kind in found])
    axes.invert_yaxis()
    axes.set_xlabel("s; the bar is the median, the whisker ends at the longest")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1), frameon=False, fontsize=8)
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def draw(results, output, folder, faults=()):
    """Plots below output / folder; pairs of a caption and a path below output."""
    from comparison.plots import plt  # with its settings
    figures = Figures(results)
    names = figures.with_workload("uniform-256")
    if not names:
        return []
    (output / folder).mkdir(parents=True, exist_ok=True)
    titles = [results["deployments"][n].replace("`", "") for n in names]

    def bars(file, caption, unit, series, stacked=False):
        """`series`: pairs of a label with its colour, and a value for each deployment."""
        figure, axes = plt.subplots(figsize=(8, 0.8 + 0.45 * len(names)))
        begin = [0.0] * len(names)
        height = 0.6 if stacked else 0.8 / len(series)
        for number_of_it, ((label, colour), values) in enumerate(series):
            shift = 0 if stacked else (number_of_it - (len(series) - 1) / 2) * height
            axes.barh([at + shift for at in range(len(names))], values,
                      left=begin if stacked else None, color=colour, height=height, label=label)
            begin = [b + v for b, v in zip(begin, values)]
        axes.set_yticks(range(len(names)), titles)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.4, 1), frameon=False, fontsize=8)
        figure.savefig(output / folder / file, format="svg", bbox_inches="tight",
                       metadata={"Date": None})
        plt.close(figure)
        return caption, f"{folder}/{file}"

    def medians(workload, *path):
        return [statistics.median(figures.of(n, workload, *path) or [0]) for n in names]

    two, one = ("two random items", "#1b6ca8"), ("everybody buys the same item", "#c8553d")
    waited = pauses(faults)
    if waited:
        draw_pauses(waited, output / folder / "pauses.svg")
    return [
        bars("rate.svg", "Rate", "checkouts/s, 256 connections",
             [(two, medians("uniform-256", "rate_per_s")), (one, medians("hot-256", "rate_per_s"))]),
        bars("latency.svg", "Latency", "ms, half of the checkouts are quicker",
             [(("256 connections", "#1b6ca8"), medians("uniform-256", "p50_ms")),
              (("one connection", "#e0a458"), medians("uniform-1", "p50_ms"))]),
        bars("cpu.svg", "CPU a checkout, by process",
             "µs of processor time a checkout, 256 connections",
             [((group, colour), medians("uniform-256", "cpu_us", group))
              for group, colour in COLOURS.items()
              if any(figures.of(n, "uniform-256", "cpu_us", group) for n in names)],
             stacked=True),
        *([("Pause after each fault", f"{folder}/pauses.svg")] if waited else [])]

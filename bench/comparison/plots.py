"""The plots of the results page, as SVG files that need nothing else."""

import statistics

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import matplotlib.ticker  # noqa: E402

from .page import KINDS, amount, number  # noqa: E402

COLOURS = {"settle": "#1b6ca8", "postgres-http": "#c8553d", "postgres-direct": "#e0a458",
           "naive": "#7a7a7a", "bare-http": "#5b8e7d", "fdatasync": "#5b8e7d"}
PLAIN = matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.9g}")
plt.rcParams.update({
    "svg.hashsalt": "settle",  # equal figures, equal bytes
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "figure.facecolor": "white"})


def draw(figures, folder):
    """Writes the plots; returns (file name, caption) of those that had something to show."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    made = []
    for kind in ("uniform", "hot", "zipf"):
        for workload in figures.workloads(kind)[:1]:  # with the most connections
            caption = f"{KINDS[kind]}: {amount(workload)}"
            caption = caption[0].upper() + caption[1:]
            made.append(rates(figures, workload, folder / f"rate-{kind}.svg", caption))
            made.append(latencies(figures, workload, folder / f"latency-{kind}.svg", caption))
    if len(figures.workloads("uniform")) > 1:
        made.append(by_connections(figures, folder / "connections.svg"))
    return made


def save(figure, file, caption):
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return file.name, caption


def horizontal(figures, systems, rows=1):
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.5 * rows * len(systems)))
    axes.set_yticks(range(len(systems)), [figures.title(s) for s in systems])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    return figure, axes


def rates(figures, workload, file, caption):
    """Requests a second: bars at the medians, whiskers from the lowest to the highest run."""
    systems = figures.systems_with(workload)
    figure, axes = horizontal(figures, systems)
    for row, system in enumerate(systems):
        values = figures.of(system, workload, "rate_per_s")
        middle = statistics.median(values)
        axes.barh(row, middle, color=COLOURS[system], height=0.6)
        axes.errorbar(middle, row, xerr=[[middle - min(values)], [max(values) - middle]],
                      color="black", capsize=3, linewidth=1)
        axes.annotate(f"{number(middle)}/s", (max(values), row), xytext=(6, 0),
                      textcoords="offset points", va="center")
    most = max(value for s in systems for value in figures.of(s, workload, "rate_per_s"))
    axes.set_xlim(0, 1.2 * most)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.set_xlabel("requests/s (more is better)")
    axes.set_title(caption, loc="left")
    return save(figure, file, "Rate: " + caption)


def latencies(figures, workload, file, caption):
    """From p50 to p99 of each system, on a logarithmic scale."""
    systems = figures.systems_with(workload)
    figure, axes = horizontal(figures, systems)
    for row, system in enumerate(systems):
        p50, p99 = (figures.median(system, workload, "latency_us", q) / 1000
                    for q in ("p50", "p99"))
        axes.plot([p50, p99], [row, row], color=COLOURS[system], linewidth=6, alpha=0.5,
                  solid_capstyle="round")
        for value, marker in ((p50, "o"), (p99, "D")):
            axes.plot(value, row, marker, color=COLOURS[system])
        axes.annotate(f"{number(p50)} · {number(p99)} ms", (p99, row), xytext=(10, 0),
                      textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.margins(x=0.25, y=0.2)
    axes.set_xlabel("latency, ms: p50 (circle) to p99 (diamond); less is better")
    axes.set_title(caption, loc="left")
    return save(figure, file, "Latency: " + caption)


def by_connections(figures, file):
    """The rate of each system over the number of connections."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for system in figures.results["systems"]:
        points = []
        for workload in figures.workloads("uniform"):
            values = figures.of(system, workload, "rate_per_s")
            if values:
                points.append((int(workload.rpartition("-")[2]), statistics.median(values),
                               min(values), max(values)))
        if not points:
            continue
        points.sort()
        x, middle, low, high = zip(*points)
        axes.errorbar(x, middle, yerr=[[m - a for m, a in zip(middle, low)],
                                       [b - m for m, b in zip(middle, high)]],
                      marker="o", capsize=3, color=COLOURS[system], label=figures.title(system))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(PLAIN)
    ticks = sorted(int(w.rpartition("-")[2]) for w in figures.workloads("uniform"))
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.set_xlabel("connections")
    axes.set_ylabel("checkouts/s")
    axes.grid(color="#dddddd")
    axes.legend(frameon=False)
    caption = "Checkouts a second over the number of connections, two random items an order"
    axes.set_title(caption, loc="left")
    return save(figure, file, caption)

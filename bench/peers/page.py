"""Writes docs/performance.md and its charts, and the table of the README, from the results.

Only what stands between the markers is replaced; the rest of both pages is written by hand.
"""

import re

import charts
import scenarios
import tables
import targets
from results import Results

MAIN = [
    "pair-1-q0-64",
    "pair-50-q0-64",
    "pair-1-q1-64",
    "pair-50-q1-64",
    "pair-1-q2-64",
    "pair-50-q2-64",
    "fanout-64",
    "fanin-64",
]


def keys_of(*groups):
    return [scenario.key for scenario in scenarios.SCENARIOS if scenario.group in groups]


def machine(results):
    about, meta = results.meta.get("machine", {}), results.meta
    kind = "virtual machine" if about.get("virtual") else "machine"
    versions = [
        f"{name} {broker['version']}".strip() for name, broker in meta.get("brokers", {}).items() if name != "relay"
    ]
    lines = [
        f"Measured in `bench/results/{results.store.folder.name}` at commit `{about.get('commit')}` with the profile "
        f"`{meta.get('profile')}`: {about.get('cores')} cores ({about.get('cpu')}) of a {kind}, "
        f"{about.get('memory_gib')} GiB, Linux {about.get('kernel')}, {about.get('file_system')}. Broker on one core, "
        "generator on another, loopback only.",
        f"Brokers: {', '.join(versions)}.",
        f"A process may have {about.get('descriptors', 0):,} descriptors here; so many connections, not 100,000, are "
        "the most that is measured.",
    ]
    if not meta.get("complete"):
        lines.append("**Not everything has been measured**: a run of `./dev bench` goes on with the rest.")
    return "\n".join(lines)


def problems(results):
    lines = results.problems()
    return "\n".join(f"- {line}" for line in lines) if lines else "None."


def growth_series(results, group):
    series = {}
    for broker in results.brokers:
        points = []
        for scenario in scenarios.SCENARIOS:
            cost = results.median(scenario.key, broker) if scenario.group == group else None
            if cost:
                points.append((int(scenario.key.rsplit("-", 1)[1]), cost))
        if points:
            series[broker] = points
    return series


def drawings(results):
    """Every chart there is something for: (file name, what it shows, picture)."""
    groups = []
    for key in MAIN:
        row = [(broker, results.median(key, broker)) for broker in results.brokers]
        row.append(("floor", results.floor_us(key)))
        row = [(name, value) for name, value in row if value]
        if row:
            groups.append((scenarios.BY_KEY[key].title.replace(", 64 B", ""), row))
    yield "cost.svg", "CPU per message", charts.bars("Broker CPU per delivered message, 64 B", groups, "us")
    for group, label in (("subscriptions", "other subscriptions"), ("connections", "idle connections")):
        picture = charts.lines(f"CPU per message beside {label}", growth_series(results, group), label, "us")
        yield f"{group}.svg", f"CPU per message beside {label}", picture
    yield from timelines(results)


def timelines(results):
    from timelines import TIMELINES

    titles = {timeline.key: timeline.title for timeline in TIMELINES}
    newest = {(one["name"], one["broker"]): one for one in results.store.series}
    for key, title in titles.items():
        for broker in ("penstock", "relay"):
            one = newest.get((key, broker))
            if one is None:
                continue
            for kind, what in (("delivery", "delivery"), ("ack", "PUBACK")):
                if kind in one:
                    picture = charts.over_time(f"{broker}, {what}: {title}", one[kind], one["events"])
                    yield f"time-{key}-{broker}-{kind}.svg", f"{broker}, {what}: {title}", picture


def sections(results, pictures):
    def shown(*prefixes):
        chosen = [(name, what) for name, what in pictures if name.startswith(prefixes)]
        return "\n\n".join(f"![{what}](performance/{name})" for name, what in chosen)

    return {
        "machine": machine(results),
        "targets": targets.table(results),
        "cost": f"{shown('cost')}\n\n{tables.costs(results, keys_of('pairs', 'fans'))}",
        "rates": tables.rates(results, keys_of("pairs", "fans")),
        "latency": tables.latencies(results),
        "time": shown("time-"),
        "lives": tables.lives(results),
        "subscriptions": f"{shown('subscriptions')}\n\n{tables.growth(results, 'subscriptions')}",
        "connections": f"{shown('connections')}\n\n{tables.growth(results, 'connections')}",
        "batching": tables.batching(results),
        "disk": tables.disk(results),
        "instructions": tables.instruction_counts(),
        "problems": problems(results),
    }


def transport_sections(results):
    return {
        "transports-machine": machine(results),
        "transports": tables.transports(results),
        "handshakes": tables.handshakes(results),
        "transports-problems": problems(results),
    }


def readme_table(results):
    header = ["64 B", "penstock us", "msg/s"]
    peers = [peer for peer in results.peers if results.median(MAIN[0], peer) is not None]
    for peer in peers:
        header += [f"{peer} us", "msg/s"]
    rows = []
    for key in MAIN:
        row = [scenarios.BY_KEY[key].title.replace(", 64 B", "")]
        for broker in ["penstock", *peers]:
            row.append(tables.number(results.median(key, broker)))
            row.append(tables.number(results.median(key, broker, "per_s")))
        rows.append(row)
    return tables.markdown(header, rows)


def replace_marked(text, name, new):
    begin, end = f"<!-- bench {name}: made by ./dev bench -->", f"<!-- end of bench {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        return text
    return pattern.sub(lambda _: f"{begin}\n{new}\n{end}", text)


def write(store, part, docs, readme):
    """Gives the paths that were written: of what this part of the results is shown in."""
    results = Results(store)
    written = []
    if part == "core":
        pictures = write_pictures(results, docs / "performance")
        written += [docs / "performance" / name for name, _ in pictures]
        shown = sections(results, pictures)
        readme_shown = {"readme": readme_table(results)}
    else:
        shown = transport_sections(results)
        readme_shown = {
            "readme-transports": tables.transports(results, tables.median_alone),
            "readme-handshakes": tables.handshakes(results, tables.median_alone),
        }
    for page, parts in ((docs / "performance.md", shown), (readme, readme_shown)):
        if page is None or not page.exists():
            continue
        text = page.read_text()
        for name, new in parts.items():
            text = replace_marked(text, name, new)
        page.write_text(text)
        written.append(page)
    return written


def write_pictures(results, folder):
    """Gives (file name, what it shows) of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    pictures = []
    for name, what, picture in drawings(results):
        if picture is not None:
            (folder / name).write_text(picture)
            pictures.append((name, what))
    return pictures

"""The tables of the page, as Markdown."""

import disk_floor
import instructions
import scenarios


def markdown(header, rows, labels=1):
    rule = ["---"] * labels + ["---:"] * (len(header) - labels)
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(rule) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_alone(found, scale=1.0):
    return number(found.median * scale) if found else "-"


def with_spread(found, scale=1.0):
    """The median, and least..most when there was more than one round."""
    if found is None:
        return "-"
    if found.count == 1:
        return number(found.median * scale)
    return f"{number(found.median * scale)} ({number(found.low * scale)}..{number(found.high * scale)})"


def times(value):
    return "-" if value is None else f"{value:.1f}x"


def ratio(above, below):
    return above / below if above is not None and below else None


def costs(results, keys):
    """CPU per message of each broker, and how Penstock stands to the best peer and to its floor."""
    header = ["CPU us per message", *results.brokers, "best peer / penstock", "floor", "penstock / floor"]
    rows = []
    for key in keys:
        cells = [with_spread(results.value(key, broker)) for broker in results.brokers]
        if all(cell == "-" for cell in cells):
            continue
        ours = results.median(key, "penstock")
        best = results.best_peer(key)
        floor = results.floor_us(key)
        against = f"{times(ratio(best[0], ours))} ({best[1]})" if best else "-"
        rows.append([scenarios.BY_KEY[key].title, *cells, against, number(floor), times(ratio(ours, floor))])
    return markdown(header, rows)


def rates(results, keys, name="per_s", what="messages a second"):
    header = [what, *results.brokers, "relay", "penstock / relay"]
    rows = []
    for key in keys:
        cells = [with_spread(results.value(key, broker, name)) for broker in results.brokers]
        if all(cell == "-" for cell in cells):
            continue
        relay = results.value(results.relay_scenario(key), "relay", name)
        part = ratio(results.median(key, "penstock", name), relay.median if relay else None)
        share = "-" if part is None else f"{part * 100:.0f}%"
        rows.append([scenarios.BY_KEY[key].title, *cells, with_spread(relay), share])
    return markdown(header, rows)


def against_floor(results, key, name):
    """Penstock's latency to the relay's at the same rate; of a PUBACK, to the relay's and that of a synced write."""
    floor = results.median(results.relay_scenario(key), "relay", name.removeprefix("ack_"))
    if floor is not None and name.startswith("ack_"):
        commit = results.median(disk_floor.key(disk_floor.BATCHES[0]), disk_floor.BROKER, name.removeprefix("ack_"))
        floor = None if commit is None else floor + commit
    return times(ratio(results.median(key, "penstock", name), floor))


def latencies(results):
    """One row a broker and load: all in microseconds."""
    header = ["us", "broker", "rate", "p50", "p99", "p99.9", "max", "PUBACK p50", "PUBACK p99"]
    compared = ("p50", "p99", "ack_p50", "ack_p99")
    header += ["p50 / floor", "p99 / floor", "PUBACK p50 / floor", "PUBACK p99 / floor"]
    rows = []
    for scenario in scenarios.SCENARIOS:
        if scenario.group != "latency":
            continue
        for broker in [*results.brokers, "relay"]:
            if results.median(scenario.key, broker, "p50") is None:
                continue
            names = ("p50", "p99", "p999", "max", "ack_p50", "ack_p99")
            cells = [with_spread(results.value(scenario.key, broker, name)) for name in names]
            against = [against_floor(results, scenario.key, name) for name in compared]
            rate = results.median(scenario.key, broker, "per_s")
            against = against if broker == "penstock" else ["-"] * len(compared)
            rows.append([scenario.title, broker, number(rate), *cells, *against])
    return markdown(header, rows, labels=2)


def lives(results):
    """Connects, idle memory, replay, slow subscribers: one row each."""
    wanted = [
        ("connect", "per_s", "connects a second"),
        ("connect", "cpu_us", "CPU us per connect"),
        ("connect", "p99", "us to CONNACK, p99"),
        ("idle-10000", "bytes_per_connection", "bytes of user memory per idle connection, 10,000 of them"),
        (f"idle-{scenarios.IDLE_MOST}", "bytes_per_connection", f"the same, {scenarios.IDLE_MOST:,} of them"),
        ("replay", "fill_per_s", "backlog: messages taken a second"),
        ("replay", "drain_per_s", "backlog: messages drained a second"),
        ("replay", "cpu_us", "backlog: CPU us per message drained"),
        ("slow-none", "per_s", "fan-out 1:100, QoS 1: deliveries a second"),
        ("slow-ten", "per_s", "the same beside 10 subscribers that never read"),
        ("slow-none", "rss", "memory after it, MiB"),
        ("slow-ten", "rss", "memory after it beside the slow ones, MiB"),
    ]
    rows = []
    for key, name, title in wanted:
        scale = 1 / 2**20 if name == "rss" else 1
        cells = [with_spread(results.value(key, broker, name), scale) for broker in [*results.brokers, "relay"]]
        if any(cell != "-" for cell in cells):
            rows.append([title, *cells])
    return markdown(["", *results.brokers, "relay"], rows)


def growth(results, group):
    header = ["beside the traffic", *[f"{broker}, CPU us" for broker in results.brokers]]
    header += [f"{broker}, MiB" for broker in results.brokers]
    rows = []
    for scenario in scenarios.SCENARIOS:
        if scenario.group != group:
            continue
        cells = [with_spread(results.value(scenario.key, broker)) for broker in results.brokers]
        cells += [
            with_spread(results.value(scenario.key, broker, "anonymous"), 1 / 2**20) for broker in results.brokers
        ]
        if any(cell != "-" for cell in cells):
            rows.append([scenario.title.split("beside ")[1], *cells])
    return markdown(header, rows)


def batching(results):
    """How well Penstock's turns are batched."""
    header = ["per delivery", "io_uring_enter", "submissions", "log bytes", "bytes a log write"]
    rows = []
    for scenario in scenarios.SCENARIOS:
        names = ("enters", "submissions", "log_bytes", "log_batch")
        found = [results.median(scenario.key, "penstock", name) for name in names]
        if scenario.group in ("pairs", "fans") and found[0] is not None:
            rows.append([scenario.title, f"{found[0]:.4f}", f"{found[1]:.4f}", number(found[2]), number(found[3])])
    return markdown(header, rows)


def disk(results):
    header = ["bytes a commit", "CPU us", "CPU ns per byte", "p50 us", "p99 us", "p99.9 us", "MB/s"]
    rows = []
    for size in disk_floor.BATCHES:
        row = [
            results.value(disk_floor.key(size), disk_floor.BROKER, name)
            for name in ("cpu_us", "cpu_ns_per_byte", "p50", "p99", "p999", "bytes_per_s")
        ]
        if row[0] is not None:
            cells = [with_spread(found) for found in row[:-1]]
            rows.append([f"{size:,}", *cells, with_spread(row[-1], 1e-6)])
    return markdown(header, rows)


def transports(results, shown=with_spread):
    header = ["64 B"]
    for broker in results.brokers:
        header += [f"{broker} us", "msg/s"]
    rows = []
    for scenario in scenarios.SCENARIOS:
        row = [scenario.title]
        for broker in results.brokers:
            row += [shown(results.value(scenario.key, broker, name)) for name in ("cpu_us", "per_s")]
        if scenario.group == "transports" and any(cell != "-" for cell in row[1:]):
            rows.append(row)
    return markdown(header, rows)


def handshakes(results, shown=with_spread):
    wanted = []
    for kind, name in scenarios.HANDSHAKES.items():
        wanted.append((f"handshake-{kind}", "per_s", 1, f"handshakes a second: {name}"))
        wanted.append((f"handshake-{kind}", "cpu_us", 1, "CPU us of one, with connect and disconnect"))
    wanted.insert(4, ("handshake-resumed", "resumed", 100, "percent that were resumed"))
    wanted.append(("idle-tls", "bytes_per_connection", 1, "bytes of user memory per idle TLS connection, 10,000 of them"))
    rows = []
    for key, name, scale, title in wanted:
        cells = [shown(results.value(key, broker, name), scale) for broker in results.brokers]
        if any(cell != "-" for cell in cells):
            rows.append([title, *cells])
    return markdown(["TLS 1.3, P-256", *results.brokers], rows)


def instruction_counts():
    baseline = instructions.read_baseline()
    rows = [[name, f"{count:,}"] for name, count in baseline.items()]
    return markdown(["instructions per delivered message", "penstock"], rows)

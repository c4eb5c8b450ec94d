"""The targets of the design, each with what was measured: met or not, and by how much. Text made from the results."""

from dataclasses import dataclass

import scenarios
from results import Results
from store import Store, newest_folder
from tables import markdown, number, ratio

COSTS = [
    ("CPU us per delivery, QoS 0, 1:1", "pair-1-q0-64", 0.20),
    ("CPU us per delivery, QoS 0, 50:50", "pair-50-q0-64", 0.25),
    ("CPU us per delivery, fan-out 1:1000", "fanout-64", 0.15),
    ("CPU us per delivery, fan-in 1000:1", "fanin-64", 0.35),
    ("CPU us per delivery, QoS 1, 1:1, PUBACK after the sync", "pair-1-q1-64", 0.60),
    ("CPU us per delivery, QoS 1, 50:50, PUBACK after the sync", "pair-50-q1-64", 0.40),
    ("CPU us per delivery, QoS 2, 50:50", "pair-50-q2-64", 0.90),
]
PEER_FACTOR = 3.0
RELAY_FACTOR = 1.2
IDLE_BYTES = 600
IDLE_TLS_KIB = 12
SUBSCRIPTION_MIB = 150
FLAT_FACTOR = 1.5  # above it a line is not flat, below it is noise of a shared machine


@dataclass(frozen=True)
class Verdict:
    what: str
    target: str
    measured: str
    met: object  # True, False, or None: not measured
    distance: str = ""


def at_most(what, target, value, unit="", extra=""):
    if value is None:
        return Verdict(what, f"{number(target)}{unit}", "-", None)
    met = value <= target
    distance = f"{(1 - value / target) * 100:.0f}% below" if met else f"{value / target:.2f}x of it"
    return Verdict(what, f"{number(target)}{unit}", f"{number(value)}{unit}{extra}", met, distance)


def against_peers(results):
    for what, key, _ in COSTS:
        best = results.best_peer(key)
        ours = results.median(key, "penstock")
        name = what.replace("CPU us per delivery", "CPU against the fastest peer")
        target = f"{PEER_FACTOR:.0f}x less"
        if best is None or ours is None:
            yield Verdict(name, target, "-", None)
            continue
        factor = best[0] / ours
        distance = "" if factor >= PEER_FACTOR else f"{PEER_FACTOR / factor:.2f}x short"
        measured = f"{factor:.1f}x less than" if factor >= 1 else f"{1 / factor:.1f}x more than"
        yield Verdict(name, target, f"{measured} {best[1]}", factor >= PEER_FACTOR, distance)


def against_relay(results):
    for qos in (0, 1):
        key = f"latency-10k-q{qos}"
        for name, label in (("p50", "p50"), ("p99", "p99")):
            factor = ratio(
                results.median(key, "penstock", name), results.median(results.relay_scenario(key), "relay", name)
            )
            yield at_most(f"latency at 10k msg/s, QoS {qos}: {label} to the relay's", RELAY_FACTOR, factor, "x")


def flatness(results):
    whole = {
        (one["name"], one["broker"]): one["whole"]
        for one in results.store.series
        if one["build"] == results.meta.get("brokers", {}).get(one["broker"], {}).get("build")
    }
    quiet = whole.get(("quiet", "penstock"))
    for name, label in (("storm", "while a storm connects"), ("backlog", "while a backlog drains")):
        one = whole.get((name, "penstock"))
        factor = one["p999"] / quiet["p999"] if one and quiet else None
        extra = f" ({number(one['p999'])} us)" if one else ""
        yield at_most(f"p99.9 {label}, to the quiet one's", FLAT_FACTOR, factor, "x", extra)
    one = whole.get(("log", "penstock"))
    measured = f"p99.9 {number(one['p999'])} us, max {number(one['max'])} us" if one else "-"
    yield Verdict("latency while segments roll and checkpoints run", "flat: see the chart", measured, None)


def idle_tls_kib():
    """Of the newest measurement of the other part."""
    folder = newest_folder("transports")
    found = Results(Store(folder)).median("idle-tls", "penstock", "bytes_per_connection") if folder else None
    return found / 1024 if found is not None else None


def memory(results):
    idle = [
        results.median(f"idle-{count}", "penstock", "bytes_per_connection") for count in (scenarios.IDLE_MOST, 10_000)
    ]
    yield at_most("user memory of an idle connection", IDLE_BYTES, idle[0] or idle[1], " B")
    yield Verdict("restart with 100 GB of log", "accepts in 2 s", "by hand, see the README", None)
    yield Verdict("acknowledged messages lost by kill -9 or power cut", "0", "by tests/sim and tests/system", None)
    yield at_most("user memory of an idle TLS connection", IDLE_TLS_KIB, idle_tls_kib(), " KiB")
    most, least = scenarios.SUBSCRIPTIONS[-1], scenarios.SUBSCRIPTIONS[0]
    full = results.median(f"subscriptions-{most}", "penstock", "anonymous")
    empty = results.median(f"subscriptions-{least}", "penstock", "anonymous")
    grown = (full - empty) / 1e6 if full is not None and empty is not None else None
    yield at_most(f"memory of {most:,} subscriptions", SUBSCRIPTION_MIB, grown, " MB")
    costs = [results.median(f"subscriptions-{count}", "penstock") for count in (most, least)]
    yield at_most(f"CPU per message with {most:,} subscriptions, to that with one", FLAT_FACTOR, ratio(*costs), "x")


def verdicts(results):
    found = [at_most(what, target, results.median(key, "penstock")) for what, key, target in COSTS]
    found += [*against_peers(results), *against_relay(results), *flatness(results), *memory(results)]
    return found


def table(results):
    names = {True: "met", False: "**not met**", None: "not judged"}
    rows = [[one.what, one.target, one.measured, names[one.met], one.distance] for one in verdicts(results)]
    return markdown(["what", "target", "measured", "", "by how much"], rows, labels=5)

"""What is measured: the table of scenarios. A row is a load of penstock-bench; `extent` says which profiles have it.

It has two parts, each measured and stored on its own: `core` over plain TCP in 3.1.1, and `transports` with what TLS,
WebSocket and MQTT 5.0 add.
"""

from dataclasses import dataclass

PAYLOADS = [16, 64, 1024, 16384]
CAPACITY = "pair-50-q1-64"  # fixed rates are fractions of what a broker reaches here
FRACTIONS = [10, 50, 80]
SUBSCRIPTIONS = [1, 1_000, 10_000, 100_000, 1_000_000]
CONNECTIONS = [1, 100, 1_000, 5_000, 15_000]
# A process may often have 20,000 descriptors and no more; the generator and the broker each need some for themselves.
IDLE_MOST = 15_000
PATIENT = ("--timeout", "120s")  # a busy machine may take long to connect so many


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    group: str
    flags: tuple  # of penstock-bench
    extent: int = 1
    relay_flags: tuple = ()  # the same load for the byte relay, which knows neither QoS nor wildcards; empty: none
    percent: int = 0  # of the broker's own capacity, as a fixed rate
    penstock_flags: tuple = ()  # beside those that it always gets
    part: str = "core"
    scheme: str = "mqtt"  # mqtts, ws, wss
    mutual: bool = False  # TLS with a certificate of the client's

    @property
    def needs_descriptors(self):
        """Of the broker and of the generator, each."""
        for flag in ("--clients", "--bystanders"):
            if flag in self.flags and self.group in ("idle", "connections"):
                return int(self.flags[self.flags.index(flag) + 1])
        return 0


def size_name(payload):
    return f"{payload // 1024} KiB" if payload >= 1024 else f"{payload} B"


def pairs():
    for clients in (1, 50):
        for qos in (0, 1, 2):
            for payload in PAYLOADS:
                load = ("pair", "--clients", str(clients), "--payload", str(payload))
                extent = 0 if (clients, payload) == (1, 64) and qos < 2 else 1 if payload in (64, 1024) else 2
                yield Scenario(
                    f"pair-{clients}-q{qos}-{payload}",
                    f"{clients}:{clients}, QoS {qos}, {size_name(payload)}",
                    "pairs",
                    load + ("--qos", str(qos)),
                    extent,
                    relay_flags=load if qos == 0 else (),
                )


def fans():
    for payload in (64, 1024):
        load = ("fanout", "--clients", "1000", "--payload", str(payload))
        yield Scenario(
            f"fanout-{payload}", f"fan-out 1:1000, QoS 0, {size_name(payload)}", "fans", load, relay_flags=load
        )
    load = ("fanin", "--clients", "1000")
    yield Scenario("fanin-64", "fan-in 1000:1, QoS 0, 64 B", "fans", load, relay_flags=load + ("--shared-topic",))
    yield Scenario("fanin-q1-64", "fan-in 1000:1, QoS 1, 64 B", "fans", load + ("--qos", "1"), extent=2)


def latencies():
    for qos in (0, 1):
        # Spinning takes the generator's wake-up out of a latency. But the kernel ends synced writes in a thread of that
        # same processor, which a generator that never sleeps keeps from it: not where PUBACK waits for the disk.
        load = ("pair", "--rate", "10k") + (("--spin",) if qos == 0 else ())
        yield Scenario(
            f"latency-10k-q{qos}",
            f"1:1, QoS {qos}, 10,000/s",
            "latency",
            load + ("--qos", str(qos)),
            relay_flags=load,
        )
    for percent in FRACTIONS:
        load = ("pair", "--clients", "50")
        yield Scenario(
            f"latency-{percent}pct",
            f"50:50, QoS 1, {percent}% of its own capacity",
            "latency",
            load + ("--qos", "1"),
            relay_flags=load,
            percent=percent,
        )


def lives():
    storm = ("connect", "--clients", "10000", "--inflight", "64")
    yield Scenario("connect", "connect storm, 64 at once", "connect", storm, relay_flags=storm)
    for connections in (10_000, IDLE_MOST):
        load = ("idle", "--clients", str(connections), *PATIENT)
        yield Scenario(
            f"idle-{connections}",
            f"{connections:,} idle connections",
            "idle",
            load,
        )
    yield Scenario(
        "replay",
        "100 sessions come back to their backlogs, QoS 1",
        "replay",
        ("replay", "--clients", "100", "--messages", "{backlog}", "--qos", "1"),
    )
    load = ("fanout", "--clients", "100", "--qos", "1")
    yield Scenario("slow-none", "fan-out 1:100, QoS 1", "slow", load)
    yield Scenario(
        "slow-ten", "the same beside 10 subscribers that never read", "slow", load + ("--slow-subscribers", "10")
    )


def growth():
    load = ("pair", "--clients", "50")
    for count in SUBSCRIPTIONS:
        yield Scenario(
            f"subscriptions-{count}",
            f"50:50 beside {count:,} other subscriptions",
            "subscriptions",
            load + ("--bystander-filters", str(count), *PATIENT),
            extent=1 if count in (1, 10_000, 1_000_000) else 2,
        )
    for count in CONNECTIONS:
        yield Scenario(
            f"connections-{count}",
            f"50:50 beside {count:,} idle connections",
            "connections",
            load + ("--bystanders", str(count), *PATIENT),
            extent=1 if count in (1, 1_000, 15_000) else 2,
        )


SCHEMES = {"mqtt": "TCP", "mqtts": "TLS", "ws": "WebSocket", "wss": "WebSocket on TLS"}
HANDSHAKES = {"full": "full", "resumed": "resumed", "mutual": "full, both show a certificate"}


def transports():
    for scheme, name in SCHEMES.items():
        for clients in (1, 50):
            for qos in (0, 1):
                yield Scenario(
                    f"{scheme}-{clients}-q{qos}",
                    f"{name}, {clients}:{clients}, QoS {qos}",
                    "transports",
                    ("pair", "--clients", str(clients), "--qos", str(qos)),
                    extent=0 if (scheme, clients, qos) == ("wss", 1, 1) else 1 if clients == 50 else 2,
                    part="transports",
                    scheme=scheme,
                )
    for qos in (0, 1):
        yield Scenario(
            f"v5-50-q{qos}",
            f"TCP, MQTT 5.0, 50:50, QoS {qos}",
            "transports",
            ("pair", "--clients", "50", "--qos", str(qos), "--mqtt", "5.0"),
            part="transports",
        )
    for kind, name in HANDSHAKES.items():
        flags = {"resumed": ("--resume",), "mutual": ("--cert={client_cert}", "--key={client_key}")}.get(kind, ())
        yield Scenario(
            f"handshake-{kind}",
            f"TLS 1.3 handshakes, {name}",
            "handshakes",
            ("connect", "--clients", "10000", "--inflight", "64", "--tls", "1.3", *flags),
            part="transports",
            scheme="mqtts",
            mutual=kind == "mutual",
        )
    yield Scenario(
        "idle-tls", "10,000 idle TLS connections", "idle", ("idle", "--clients", "10000", *PATIENT),
        part="transports", scheme="mqtts",
    )  # fmt: skip


SCENARIOS = [*pairs(), *fans(), *latencies(), *lives(), *growth(), *transports()]
PARTS = ("core", "transports")
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}


def of_extent(extent, part):
    return [scenario for scenario in SCENARIOS if scenario.extent <= extent and scenario.part == part]

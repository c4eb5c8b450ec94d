"""Latency over time at a fixed rate, while something happens beside it: the table, and how one is taken.

The load that disturbs runs on the generator's core with the least priority, so that what shows is the broker's doing;
the byte relay beside the same storm shows what remains of the machine's.
"""

import pathlib
import tempfile
import time
from dataclasses import dataclass

from broker_process import BrokerProcess, StartFailed
from generator import PATIENCE_S, compact, compact_series, finish
from log_watch import LogWatch
from runner import say

LOAD_QOS1 = ("pair", "--clients", "10", "--qos", "1", "--rate", "10k")
STORM_CLIENTS = 10_000
BACKLOG = 1_000_000


@dataclass(frozen=True)
class Timeline:
    key: str
    title: str
    load: tuple
    relay_load: tuple = ()
    beside: str = ""  # "storm" or "backlog", begun when a third is over
    penstock_flags: tuple = ()


SMALL_SEGMENTS = ("--segment-bytes", "16MiB", "--retention-bytes", "64MiB")
TIMELINES = [
    Timeline("quiet", "nothing beside it", LOAD_QOS1, ("pair", "--clients", "10", "--rate", "10k")),
    Timeline(
        "log",
        "segments roll, checkpoints are written, retention deletes (20 MB/s)",
        ("pair", "--clients", "10", "--qos", "1", "--rate", "20k", "--payload", "1024"),
        penstock_flags=SMALL_SEGMENTS,
    ),
    Timeline(
        "storm", "a storm of clients that reconnect", LOAD_QOS1, ("pair", "--clients", "10", "--rate", "10k"), "storm"
    ),
    Timeline("backlog", "a large backlog fills and drains", LOAD_QOS1, beside="backlog"),
]


def beside_flags(kind, profile):
    if kind == "storm":
        clients = max(64, round(STORM_CLIENTS * profile.scale))
        seconds = profile.timeline_s / 3
        return ["connect", "--clients", str(clients), "--inflight", "256", "--warmup=0s", f"--duration={seconds:.2f}s"]
    return ["replay", "--clients", "1", "--messages", str(max(100, round(BACKLOG * profile.scale))), "--qos", "1"]


class TimelineRunner:
    def __init__(self, store, profile, brokers, generator, flags):
        self.store = store
        self.profile = profile
        self.brokers = [broker for broker in brokers if broker.name in ("penstock", "relay")]
        self.generator = generator
        self.flags = flags

    def run(self, out_of_time):
        for timeline in TIMELINES:
            for broker in self.brokers:
                if broker.name == "relay" and not timeline.relay_load or self.flags.only not in timeline.key:
                    continue
                if self.store.has_series(timeline.key, broker.name, broker.build):
                    continue
                if out_of_time():
                    return False
                self._take(timeline, broker)
        return True

    def _take(self, timeline, broker):
        base = {"name": timeline.key, "broker": broker.name, "build": broker.build}
        extra = timeline.penstock_flags if broker.name == "penstock" else ()
        try:
            with BrokerProcess(broker, self.flags.broker_cpu, self.flags.data, extra) as process:
                record = self._measure(timeline, broker, process)
        except StartFailed as failure:
            record = {"failed": str(failure)}
        if "failed" in record:
            return say(f"latency over time, {timeline.title}, {broker.name}: {record['failed']}")
        self.store.add_series({**base, **record})
        say(f"latency over time, {timeline.title}, {broker.name}: p99.9 {record['whole']['p999']:,.0f} us")

    def _measure(self, timeline, broker, process):
        profile = self.profile
        load = list(timeline.relay_load if broker.name == "relay" else timeline.load)
        load += [f"--warmup={profile.warmup_s}s", f"--duration={profile.timeline_s}s"]
        load += [f"--series={profile.timeline_interval_ms}ms", f"--pid={process.pid}"]
        with tempfile.TemporaryDirectory(prefix="peers-timeline-") as folder, LogWatch(
            process.folder / "data"
        ) as watch:
            json_file = pathlib.Path(folder) / "report.json"
            begun = time.monotonic()
            measuring = self.generator.start(process.port, load, json_file)
            notes = []
            try:
                if timeline.beside:
                    time.sleep(profile.warmup_s + profile.timeline_s / 3)
                    notes = self._disturb(timeline.beside, process.port, pathlib.Path(folder))
            finally:
                left_s = profile.warmup_s + profile.timeline_s + PATIENCE_S - (time.monotonic() - begun)
                report = finish(measuring, json_file, max(1, left_s))
        if isinstance(report, str):
            return {"failed": report}
        return as_record(report, watch.events + notes)

    def _disturb(self, kind, port, folder):
        """Runs the other load to its end, which lies within the measurement if it can; gives when its parts were."""
        json_file = folder / "beside.json"
        begin_ns = time.monotonic_ns()
        process = self.generator.start(port, beside_flags(kind, self.profile), json_file, background=True)
        report = finish(process, json_file, self.profile.timeline_s + PATIENCE_S)
        end_ns = time.monotonic_ns()
        if isinstance(report, str):
            return [(begin_ns, f"{kind} failed: {report[:80]}")]
        if kind == "storm":
            return [(begin_ns, f"storm: {report['connects']['total']:,} connects"), (end_ns, "storm ends")]
        fill_ns = int(report["replay"]["fill_seconds"] * 1e9)
        drain_ns = int(report["replay"]["drain_seconds"] * 1e9)
        count = report["settings"]["messages"]
        return [
            (begin_ns, f"backlog of {count:,} fills"),
            (begin_ns + fill_ns, "drains"),
            (min(end_ns, begin_ns + fill_ns + drain_ns), "drained"),
        ]


def as_record(report, events):
    """The series by seconds since the begin of the measurement."""
    delivery = compact_series(report["delivery_series"])
    begin_ns = delivery.pop("begin_ns")
    record = {"delivery": delivery, "whole": compact(report)}
    if "ack_series" in report:
        record["ack"] = compact_series(report["ack_series"])
        record["ack"].pop("begin_ns")
    span_s = len(delivery["count"]) * delivery["interval_ms"] / 1e3
    placed = [(round((at - begin_ns) / 1e9, 3), what) for at, what in sorted(events)]
    record["events"] = [(at, what) for at, what in placed if -0.5 <= at <= span_s + 0.5]
    return record

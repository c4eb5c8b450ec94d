"""Takes the measurements: round by round, scenario by scenario, the brokers in turn.

Each broker is freshly started every time, so that what else the machine does meets all of them alike. A measurement is
stored when it is there, and not taken again.
"""

import sys
import time

import certificates
import configs
import scenarios
from broker_process import BrokerProcess, StartFailed, work_of
from generator import PATIENCE_S, compact
from spread import significant, spread

BACKLOG = 2_000  # of each session that comes back
BACKLOG_SCALE_MIN = 0.5  # CPU time has a resolution of 10 ms
AROUND_S = 2.5  # starting, connecting, draining
DESCRIPTORS_APART = 100  # beside the connections


def say(text):
    print(text, file=sys.stderr, flush=True)


class Runner:
    def __init__(self, store, part, profile, brokers, generator, flags, descriptors):
        self.store = store
        self.part = part
        self.profile = profile
        self.brokers = brokers
        self.generator = generator
        self.flags = flags
        self.descriptors = descriptors
        self.builds = {broker.name: broker.build for broker in brokers}
        self.deadline = time.monotonic() + flags.minutes * 60 if flags.minutes else float("inf")

    def out_of_time(self):
        return time.monotonic() > self.deadline

    def wanted(self):
        chosen = scenarios.of_extent(self.profile.extent, self.part)
        return [scenario for scenario in chosen if self.flags.only in scenario.key]

    def run(self):
        """False when the time did not suffice."""
        plan = [
            (number, scenario, broker)
            for number in range(self.profile.rounds)
            for scenario in self.wanted()
            for broker in (self.brokers if number % 2 == 0 else reversed(self.brokers))
            if self._takes_part(scenario, broker)
        ]
        plan = [step for step in plan if not self._is_done(*step)]
        say(f"{len(plan)} measurements to take, into {self.store.folder}{self._estimate(len(plan))}")
        for done, (number, scenario, broker) in enumerate(plan, 1):
            if self.out_of_time():
                return False
            record = self._measure(number, scenario, broker)
            self.store.add(record)
            say(f"{done}/{len(plan)} round {number + 1}, {scenario.title}, {broker.name}: {in_short(record)}")
        return True

    def _estimate(self, count):
        minutes = count * (self.profile.warmup_s + self.profile.duration_s + AROUND_S) / 60
        return f": some {minutes:.0f} minutes" if minutes >= 1 else ""

    def _takes_part(self, scenario, broker):
        if scenario.part == "transports" and broker.configure not in configs.ALL_TRANSPORTS:
            return False
        return broker.name != "relay" or bool(scenario.relay_flags)

    def _is_done(self, number, scenario, broker):
        return self.store.has(scenario.key, broker.name, self.builds[broker.name], number)

    def _measure(self, number, scenario, broker):
        record = {
            "scenario": scenario.key,
            "broker": broker.name,
            "build": self.builds[broker.name],
            "round": number,
            "at": time.strftime("%H:%M:%S"),
        }
        if scenario.needs_descriptors + DESCRIPTORS_APART > self.descriptors:
            return {**record, "skipped": f"a process may have {self.descriptors:,} descriptors here"}
        rate = self._rate(scenario, broker)
        if scenario.percent and not rate:
            return {**record, "failed": "its capacity is not known"}
        try:
            return {**record, **({"rate": rate} if rate else {}), **self._load(scenario, broker, rate)}
        except StartFailed as failure:
            return {**record, "failed": str(failure)}

    def _rate(self, scenario, broker):
        """For the relay, which is the floor: that of Penstock."""
        if not scenario.percent:
            return 0
        name = "penstock" if broker.name == "relay" else broker.name
        capacity = spread([record.get("per_s") for record in self.store.of(scenarios.CAPACITY, name)])
        return round(capacity.median * scenario.percent / 100) if capacity else 0

    def _load(self, scenario, broker, rate):
        flags = scenario.relay_flags if broker.name == "relay" else scenario.flags
        # The least profile wants to be quick and no more.
        scale = self.profile.scale if self.profile.extent == 0 else max(BACKLOG_SCALE_MIN, self.profile.scale)
        backlog = max(10, round(BACKLOG * scale))
        flags = [flag.replace("{backlog}", str(backlog)) for flag in flags]
        if scenario.mutual:
            files = certificates.made()
            flags = [flag.format(client_cert=files.client_cert, client_key=files.client_key) for flag in flags]
        flags += [f"--warmup={self.profile.warmup_s}s", f"--duration={self.profile.duration_s}s"]
        if rate:
            flags.append(f"--rate={rate}")
        extra = scenario.penstock_flags if broker.name.startswith("penstock") else ()
        listener = {"scheme": scenario.scheme, "mutual": scenario.mutual}
        with BrokerProcess(broker, self.flags.broker_cpu, self.flags.data, extra, **listener) as process:
            timeout_s = self.profile.warmup_s + self.profile.duration_s + PATIENCE_S
            flags.append(f"--pid={process.pid}")
            report = self.generator.run(process.port, flags, timeout_s, scenario.scheme)
            said = process.end()
        if isinstance(report, str):
            return {"failed": report}
        return {**compact(report), **{name: significant(value) for name, value in work_of(said).items()}}


def in_short(record):
    for name in ("failed", "skipped"):
        if name in record:
            return f"{name}: {record[name]}"
    parts = [f"{record['per_s']:,.0f}/s"] if "per_s" in record else []
    parts += [f"{record['cpu_us']:.3g} us CPU"] if "cpu_us" in record else []
    parts += [f"p99 {record['p99']:,.0f} us"] if "p99" in record else []
    parts += [f"{record['bytes_per_connection']:,.0f} B/connection"] if "bytes_per_connection" in record else []
    return ", ".join(parts + record.get("problems", []))

#!/usr/bin/env python3
"""Penstock and mosquitto side by side: the table of the README.

Each broker runs pinned to one core, penstock-bench to another; the brokers take turns, round after round, each time
freshly started, so that what the machine does meanwhile meets both. Prints a Markdown table of medians; the reports of
all runs are kept in --out. How things are measured: METHOD.md beside this file.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Name in the table, flags of penstock-bench.
RUNS = [
    ("pair 1:1, QoS 0", ["pair"]),
    ("pair 1:1, QoS 1", ["pair", "--qos=1"]),
    ("pair 1:1, QoS 2", ["pair", "--qos=2"]),
    ("pair 50:50, QoS 0", ["pair", "--clients=50"]),
    ("pair 50:50, QoS 1", ["pair", "--clients=50", "--qos=1"]),
    ("pair 50:50, QoS 2", ["pair", "--clients=50", "--qos=2"]),
    ("fan-out 1:1000, QoS 0", ["fanout", "--clients=1000"]),
    ("fan-in 1000:1, QoS 0", ["fanin", "--clients=1000"]),
    ("pair 1:1, QoS 1, 10k/s", ["pair", "--qos=1", "--rate=10k", "--spin"]),
]


def parse_flags():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", default="5s", help="of each measurement [5s]")
    parser.add_argument("--warmup", default="2s")
    parser.add_argument("--only", default="", help="runs whose name holds this text")
    parser.add_argument("--brokers", default="penstock,mosquitto")
    parser.add_argument("--durability", default="sync", help="of penstock: sync, write or memory [sync]")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"), help="where penstock and penstock-bench are")
    parser.add_argument("--data", default="", help="folder for penstock's log [a temporary one under /var/tmp]")
    parser.add_argument("--out", default="", help="folder for the reports [a temporary one]")
    parser.add_argument("--broker-cpu", type=int, default=0)
    parser.add_argument("--bench-cpu", type=int, default=1)
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_listening(port, process):
    for _ in range(2000):
        if process.poll() is not None:
            sys.exit(f"the broker ended with code {process.returncode} before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit("the broker does not listen after 20 seconds")


class Broker:
    """A freshly started broker, pinned to its core, with a folder of its own."""

    def __init__(self, name, flags):
        self.folder = tempfile.mkdtemp(prefix=f"compare-{name}-", dir=flags.data or "/var/tmp")
        pin = ["taskset", "-c", str(flags.broker_cpu)]
        if name == "mosquitto":
            self.start_mosquitto(pin)
        else:
            self.start_penstock(pin, flags)

    def start_mosquitto(self, pin):
        self.port = free_port()
        # Nothing is kept and nothing is dropped by policy: the best mosquitto can do.
        config = pathlib.Path(self.folder) / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
            "max_inflight_messages 20000\nset_tcp_nodelay true\nlog_dest none\n"
        )
        os.chmod(self.folder, 0o755)
        self.process = subprocess.Popen(pin + ["mosquitto", "-c", str(config)])
        wait_listening(self.port, self.process)

    def start_penstock(self, pin, flags):
        command = [f"{flags.bin}/penstock", "--listen", "mqtt://127.0.0.1:0", "--data-dir", self.folder]
        command += ["--shards", "1", "--durability", flags.durability]
        self.process = subprocess.Popen(pin + command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"listening on mqtt://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        sys.exit(f"penstock ended with code {self.process.wait()} before it listened")

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(broker_name, run_flags, flags, report_file):
    broker = Broker(broker_name, flags)
    try:
        command = ["taskset", "-c", str(flags.bench_cpu), f"{flags.bin}/penstock-bench", *run_flags, "--quiet"]
        command += [f"--target=127.0.0.1:{broker.port}", f"--pid={broker.process.pid}", f"--json={report_file}"]
        command += [f"--duration={flags.duration}", f"--warmup={flags.warmup}"]
        done = subprocess.run(command, capture_output=True, text=True)
    finally:
        broker.end()
    if not report_file.exists():
        sys.exit(f"{' '.join(command)}\nfailed with code {done.returncode}: {done.stderr}")
    report = json.loads(report_file.read_text())
    for problem in report["problems"]:
        print(f"{broker_name}, {' '.join(run_flags)}: {problem}", file=sys.stderr)
    return report


def median(reports, *path):
    values = []
    for report in reports:
        for key in path:
            report = report[key]
        values.append(report)
    return statistics.median(value for value in values if value is not None)


def cells(reports):
    return [
        f"{median(reports, 'delivered', 'per_second'):,.0f}",
        f"{median(reports, 'broker', 'cpu_us_per_unit'):.2f}",
        f"{median(reports, 'delivery_latency_ns', 'p50') / 1e6:,.2f}",
        f"{median(reports, 'delivery_latency_ns', 'p99') / 1e6:,.2f}",
    ]


def print_table(results, brokers):
    header = ["64 B payload"]
    for broker in brokers:
        header += [f"{broker} msg/s", "CPU us/msg", "p50 ms", "p99 ms"]
    both = len(brokers) == 2
    if both:
        header.append("CPU ratio")
    print("| " + " | ".join(header) + " |")
    print("|---|" + "---:|" * (len(header) - 1))
    for name, by_broker in results.items():
        row = [name] + [cell for broker in brokers for cell in cells(by_broker[broker])]
        if both:
            ours, theirs = (median(by_broker[broker], "broker", "cpu_us_per_unit") for broker in brokers)
            row.append(f"{theirs / ours:.1f}x")
        print("| " + " | ".join(row) + " |")


def main():
    flags = parse_flags()
    brokers = flags.brokers.split(",")
    out = pathlib.Path(flags.out or tempfile.mkdtemp(prefix="compare-reports-"))
    out.mkdir(parents=True, exist_ok=True)
    results = {name: {broker: [] for broker in brokers} for name, _ in RUNS if flags.only in name}
    for round_number in range(flags.rounds):
        for run_number, (name, run_flags) in enumerate(RUNS):
            if name not in results:
                continue
            # Who goes first changes with each round.
            for broker in brokers if round_number % 2 == 0 else reversed(brokers):
                report_file = out / f"{run_number}-{broker}-{round_number}.json"
                results[name][broker].append(measure(broker, run_flags, flags, report_file))
                print(f"round {round_number + 1}, {name}, {broker}: {cells(results[name][broker][-1:])}", file=sys.stderr)
    print_table(results, brokers)
    print(
        f"\nMedians of {flags.rounds} rounds of {flags.duration}; broker on one core, generator on another; penstock "
        f"--shards 1 --durability {flags.durability}, mosquitto without persistence. Reports: {out}"
    )


if __name__ == "__main__":
    main()

"""Instructions per message of the main paths, counted by callgrind: the machine's mood has no part in them.

The whole broker is counted in two runs of different length; the difference, divided by the difference of messages,
leaves out start and end. Under valgrind the broker is slower than the generator by far, so it always finds full
batches: what is counted is the cost under load.
"""

import json
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

import configs
from broker_process import Broker, BrokerProcess
from generator import finish
from runner import say
from store import ROOT

BASELINE = ROOT / "bench" / "instructions.json"
TOLERANCE_PERCENT = 6  # what the cut into batches moves
MESSAGES = (60_000, 260_000)
PATHS = {
    "pair 1:1, QoS 0": (["pair"], 1),
    "pair 1:1, QoS 1": (["pair", "--qos=1"], 1),
    "pair 1:1, QoS 2": (["pair", "--qos=2"], 1),
    "pair 50:50, QoS 0": (["pair", "--clients=50"], 1),
    "pair 50:50, QoS 1": (["pair", "--clients=50", "--qos=1"], 1),
    "pair 50:50, QoS 2": (["pair", "--clients=50", "--qos=2"], 1),
    "fan-out 1:1000, QoS 0": (["fanout", "--clients=1000"], 1000),
    "fan-in 1000:1, QoS 0": (["fanin", "--clients=1000"], 1),
    "fan-in 1000:1, QoS 1": (["fanin", "--clients=1000", "--qos=1"], 1),
}
CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03end"
PINGREQ = b"\xc0\x00"
RUN_S = 300


def under_callgrind(binary, folder, listener, **options):
    command, environment = configs.penstock(binary, folder, listener, **options)
    # Ticket locks: otherwise a shard that is busy never lets the main thread see the signal that ends it.
    tool = ["valgrind", "--tool=callgrind", "--fair-sched=try", f"--callgrind-out-file={folder}/callgrind.out"]
    return [*tool, *command], environment


def stop(process):
    """Ends the broker under valgrind, which takes io_uring_enter for a call that never waits and lets no other thread
    run meanwhile: the shard is kept awake by pings until the main thread has had its turn and taken the signal."""
    process.process.send_signal(signal.SIGTERM)
    try:
        with socket.create_connection(("127.0.0.1", process.port), timeout=0.1) as client:
            client.sendall(CONNECT)
            for _ in range(3000):
                if process.process.poll() is not None:
                    return
                client.sendall(PINGREQ)
                try:
                    if not client.recv(256):
                        return
                except TimeoutError:
                    continue
    except OSError:
        return  # it has ended


def count_run(broker, flags, messages, parsed, data):
    """Instructions of one whole life of the broker, and what it says of its system calls."""
    with BrokerProcess(broker, parsed.broker_cpu, data) as process, tempfile.TemporaryDirectory() as folder:
        json_file = pathlib.Path(folder) / "report.json"
        command = ["taskset", "-c", str(parsed.bench_cpu), f"{parsed.bin}/penstock-bench", *flags]
        command += [f"--messages={messages}", f"--target=127.0.0.1:{process.port}", f"--json={json_file}", "--quiet"]
        command += ["--drain=60s", "--timeout=120s"]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        report = finish(run, json_file, RUN_S)
        stop(process)
        said = process.end()
    if isinstance(report, str) or report["problems"]:
        raise RuntimeError(f"{' '.join(flags)}: {report if isinstance(report, str) else report['problems']}")
    collected = re.search(r"Collected : (\d+)", said)
    if not collected:
        raise RuntimeError(f"callgrind counted nothing: {said[-300:]}")
    return int(collected[1]), report["delivered"]["total"]


def per_message(broker, flags, fan, parsed):
    few, many = (max(20, count // fan * (4 if fan > 1 else 1)) for count in MESSAGES)
    low, low_count = count_run(broker, flags, few, parsed, parsed.data)
    high, high_count = count_run(broker, flags, many, parsed, parsed.data)
    return (high - low) / (high_count - low_count)


def measure(parsed):
    broker = Broker("penstock", f"{parsed.bin}/penstock", under_callgrind)
    found = {}
    for name, (flags, fan) in PATHS.items():
        if parsed.only in name:
            found[name] = round(per_message(broker, flags, fan, parsed))
            say(f"{name}: {found[name]:,} instructions per delivered message")
    return found


def compare(found, baseline, tolerance_percent):
    """Lines for people, and whether nothing has become dearer than it may."""
    lines, good = [], True
    for name, count in found.items():
        before = baseline.get(name)
        if before is None:
            lines.append(f"{name}: {count:,}, not in the baseline")
            continue
        change = (count - before) / before * 100
        verdict = "ok"
        if change > tolerance_percent:
            verdict, good = "MORE THAN BEFORE", False
        elif change < -tolerance_percent:
            verdict = "less: record it (./dev bench instructions)"
        lines.append(f"{name}: {count:,}, was {before:,} ({change:+.1f}%) {verdict}")
    return lines, good


def read_baseline(path=BASELINE):
    return json.loads(path.read_text())["per_message"] if path.exists() else {}


def write_baseline(found, path=BASELINE):
    text = {
        "what": "instructions of the broker per delivered message, 64 B, one shard, --durability sync, by callgrind",
        "tolerance_percent": TOLERANCE_PERCENT,
        "per_message": {**read_baseline(path), **found},
    }
    path.write_text(json.dumps(text, indent=2) + "\n")


def main(parsed):
    found = measure(parsed)
    if not parsed.check:
        write_baseline(found)
        say(f"written to {BASELINE.relative_to(ROOT)}")
        return 0
    lines, good = compare(found, read_baseline(), TOLERANCE_PERCENT)
    print("\n".join(lines))
    return 0 if good else 1

"""The floor of the log: raw sequential writes, each synced, in batches of several sizes. One line of the store each."""

import json
import subprocess

from spread import interpolate

BATCHES = [4096, 16384, 65536, 262144, 1048576]
BROKER = "disk"


def key(batch):
    return f"disk-{batch}"


def measure_missing(store, binary, profile, cpu, data, build):
    for number in range(profile.rounds):
        for batch in BATCHES if profile.extent > 0 else BATCHES[:1]:
            if store.has(key(batch), BROKER, build, number):
                continue
            command = ["taskset", "-c", str(cpu), binary, "--dir", data or "/var/tmp", "--batch", str(batch)]
            done = subprocess.run(
                [*command, "--duration", f"{profile.duration_s}s"], capture_output=True, text=True, timeout=300
            )
            record = {"scenario": key(batch), "broker": BROKER, "build": build, "round": number}
            if done.returncode != 0:
                store.add({**record, "failed": done.stderr.strip()[-300:]})
                continue
            report = json.loads(done.stdout)
            latency = {name: value / 1e3 for name, value in report["commit_latency_ns"].items()}
            cpu_costs = {"cpu_us": report["cpu_us_per_commit"], "cpu_ns_per_byte": report["cpu_ns_per_byte"]}
            store.add({**record, "bytes_per_s": round(report["bytes_per_second"]), **cpu_costs, **latency})


def cpu_ns_per_byte(points, batch_bytes):
    """`points`: (batch, CPU ns a byte). Between two sizes the cost of a commit grows with its bytes."""
    per_commit = [(batch, batch * cost) for batch, cost in points]
    batch = min(max(batch_bytes, points[0][0]), points[-1][0])
    return interpolate(per_commit, batch) / batch

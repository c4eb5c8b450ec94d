"""Runs penstock-bench, pinned, and keeps of its report what the page needs."""

import json
import pathlib
import subprocess
import tempfile

from spread import significant

PATIENCE_S = 300  # beyond warm-up and duration: connecting, filling and draining


def microseconds(latency):
    names = ("p50", "p99", "p999", "max")
    return {name: latency[name] / 1e3 for name in names}


def prefixed(values, prefix):
    return {prefix + name: value for name, value in values.items()}


def compact_series(series):
    """Times in whole microseconds; an interval in which nothing was sent has count 0."""
    names = ("p50", "p99", "p999", "max")
    compact = {"begin_ns": series["begin_ns"], "interval_ms": series["interval_ns"] / 1e6, "count": series["count"]}
    return {**compact, **{name: [round(value / 1e3) for value in series[name]] for name in names}}


def compact(report):
    """One flat object of a report: times in microseconds, memory in bytes."""
    values = {}
    rate = report.get("delivered") or report.get("connects")
    if rate:
        values["per_s"] = rate["per_second"]
    latency = report.get("delivery_latency_ns") or report.get("connect_latency_ns")
    if latency and latency["count"]:
        values.update(microseconds(latency))
    if report.get("ack_latency_ns", {}).get("count"):
        values.update(prefixed(microseconds(report["ack_latency_ns"]), "ack_"))
    if "broker" in report:
        broker = report["broker"]
        values["cpu_us"] = broker["cpu_us_per_unit"]
        values["cpu_s"] = broker["cpu_seconds"]
        values["rss"] = broker["rss_bytes"]
        values["anonymous"] = broker["anonymous_bytes"]
    if "generator" in report:
        values["generator_us"] = report["generator"]["cpu_us_per_unit"]
    if "memory" in report:
        values["bytes_per_connection"] = report["memory"]["anonymous_bytes_per_connection"]
    if "tls_resumed" in report.get("connections", {}):
        values["resumed"] = report["connections"]["tls_resumed"] / max(1, report["connects"]["total"])
    if "replay" in report:
        values["fill_per_s"] = report["replay"]["fill_per_second"]
        values["drain_per_s"] = report["replay"]["drain_per_second"]
    for name in ("lost", "unsent", "stalls"):
        if report.get("check", {}).get(name):
            values[name] = report["check"][name]
    values = {name: significant(value) for name, value in values.items() if value is not None}
    if report["problems"]:
        values["problems"] = [problem[:200] for problem in report["problems"]]
    return values


class Generator:
    def __init__(self, binary, cpu):
        self.binary = binary
        self.cpu = cpu

    def command(self, port, flags, json_file, background=False, scheme="mqtt"):
        # SCHED_IDLE: what makes noise beside a measurement must not take the core from who measures.
        courtesy = ["chrt", "--idle", "0"] if background else []
        pin = ["taskset", "-c", str(self.cpu), *courtesy]
        return [*pin, self.binary, *flags, "--quiet", f"--target={scheme}://127.0.0.1:{port}", f"--json={json_file}"]

    def start(self, port, flags, json_file, background=False, scheme="mqtt"):
        command = self.command(port, flags, json_file, background, scheme)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def run(self, port, flags, timeout_s, scheme="mqtt"):
        """The whole report, or a text that says why there is none."""
        with tempfile.TemporaryDirectory(prefix="peers-report-") as folder:
            json_file = pathlib.Path(folder) / "report.json"
            process = self.start(port, flags, json_file, scheme=scheme)
            return finish(process, json_file, timeout_s)


def finish(process, json_file, timeout_s):
    try:
        errors = process.communicate(timeout=timeout_s)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"the load did not end within {timeout_s:.0f} s"
    except BaseException:
        process.kill()  # interrupted: nothing of ours may go on
        process.wait()
        raise
    if not json_file.exists():
        return errors.strip()[-300:] or f"penstock-bench ended with code {process.returncode}"
    return json.loads(json_file.read_text())

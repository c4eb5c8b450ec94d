#!/usr/bin/env python3
"""bench/peers as a whole, in its least form: penstock and the relay are measured, the page is written, a second run has
nothing left to measure. Its only argument is the folder of the programs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(programs):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(ROOT / "docs" / "performance.md", folder)
        shutil.copy(ROOT / "README.md", folder)
        cpus = sorted(os.sched_getaffinity(0))
        command = [sys.executable, str(ROOT / "bench" / "peers"), "--tiny", "--without=mosquitto", f"--bin={programs}"]
        command += [f"--out={folder}/results", f"--docs={folder}", f"--readme={folder}/README.md", f"--data={folder}"]
        command += [f"--broker-cpu={cpus[0]}", f"--bench-cpu={cpus[-1]}"]
        for expected in (["3 measurements to take", "1 measurements to take"], ["0 measurements to take"] * 2):
            done = subprocess.run(command, capture_output=True, text=True, timeout=280)
            assert done.returncode == 0, done.stderr
            assert re.findall(r"\d+ measurements to take", done.stderr) == expected, done.stderr
            assert "failed" not in done.stderr, done.stderr
        page = (folder / "performance.md").read_text()
        assert "1:1, QoS 1, 64 B" in page and "what stands in the way" in page.lower(), page
        assert "CPU us per delivery, QoS 0, 1:1" in page, page
        for chart in ("cost.svg", "time-log-penstock-ack.svg", "time-storm-relay-delivery.svg"):
            assert f"performance/{chart}" in page, page
            assert "</svg>" in (folder / "performance" / chart).read_text()
        readme = (folder / "README.md").read_text()
        assert "| 1:1, QoS 0 |" in readme and "| WebSocket on TLS, 1:1, QoS 1 |" in readme, readme
        assert "WebSocket on TLS, 1:1, QoS 1" in page, page
        shutil.copy(ROOT / "docs" / "performance.md", folder)
        done = subprocess.run([*command, "--report-only"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert (folder / "performance.md").read_text() == page


if __name__ == "__main__":
    main(sys.argv[1])

"""What the numbers were measured on: for the name of the folder, and for the page."""

import os
import pathlib
import platform
import re
import resource
import subprocess


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib():
    found = re.search(r"MemTotal:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text())
    return round(int(found[1]) / 2**20) if found else 0


def file_system(path):
    """Type of the file system that `path` lies on."""
    done = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True)
    return done.stdout.strip().replace("ext2/ext3", "ext4") if done.returncode == 0 else "unknown"


def is_virtual():
    return " hypervisor" in pathlib.Path("/proc/cpuinfo").read_text()


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def commit(root):
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def describe(data_folder, root):
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "virtual": is_virtual(),
        "memory_gib": memory_gib(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "file_system": file_system(data_folder),
        "descriptors": descriptors(),
        "commit": commit(root),
    }


def short_name():
    """As epyc-2core: enough to tell machines apart, and safe in a path."""
    words = re.sub(r"\(.*?\)|@.*|\b(cpu|processor|core|intel|amd|with)\b|\d+-core", " ", cpu_model().lower())
    words = re.findall(r"[a-z0-9-]+", words)
    return "-".join([*words[:2], f"{os.cpu_count()}core"])


def load_average():
    return os.getloadavg()[0]

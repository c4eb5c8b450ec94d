"""A freshly started broker, pinned to its core, with a folder of its own; ended by its process id."""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

import configs

START_S = 30
END_S = 60  # a log may have much to write


@dataclass(frozen=True)
class Broker:
    """One of those that are compared."""

    name: str
    binary: str
    configure: object  # one of configs.py
    options: tuple = field(default=())  # keyword arguments of it

    @property
    def build(self):
        """Tells builds apart, so that numbers of an old one are not mixed with those of a new one."""
        return hashlib.sha256(pathlib.Path(self.binary).read_bytes()).hexdigest()[:12]


class StartFailed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listening_process(port, among):
    """The process of a process group that listens on `port`: a broker that is started by a script is a child of it."""
    inodes = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[1].split(":")[1], 16) == port and columns[3] == "0A":
            inodes.add(f"socket:[{columns[9]}]")
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != among:
                continue
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue  # it has ended meanwhile
    return among


class BrokerProcess:
    def __init__(self, broker, cpu, data="", extra=(), scheme="mqtt", mutual=False):
        self.broker = broker
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"peers-{broker.name}-", dir=data or "/var/tmp"))
        os.chmod(self.folder, 0o777)  # mosquitto gives up root
        self.port = free_port()
        options = dict(broker.options)
        listener = configs.Listener(self.port, scheme, mutual)
        command, environment = broker.configure(broker.binary, self.folder, listener, extra=tuple(extra), **options)
        with open(self.folder / "stdout", "w") as out, open(self.folder / "stderr", "w") as err:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **environment},
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            self._wait_listening()
        except StartFailed:
            self.end()
            raise
        self.pid = listening_process(self.port, self.process.pid)

    def _wait_listening(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise StartFailed(f"ended with code {self.process.returncode}: {self.said()[-300:]}")
            if accepts(self.port):
                return
            time.sleep(0.01)
        raise StartFailed(f"does not listen after {START_S} s: {self.said()[-300:]}")

    def said(self):
        return "".join((self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    def _signal(self, number):
        """To its group, which is its own: a broker that a script has started ends with the script."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def end(self):
        """Gives what it has said."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait()
        said = self.said()
        shutil.rmtree(self.folder, ignore_errors=True)
        return said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.folder.exists():
            self.end()


def work_of(said):
    """What Penstock prints at its end: batching of disk and system calls per delivery. Empty for others."""
    deliveries = re.search(r"(\d+) deliveries", said)
    work = re.search(r"work: (\d+) log writes of (\d+) bytes, (\d+) ring enters with (\d+) submissions", said)
    if not deliveries or not work or int(deliveries[1]) == 0:
        return {}
    count = int(deliveries[1])
    writes, log_bytes, enters, submissions = (int(number) for number in work.groups())
    return {
        "log_bytes": log_bytes / count,
        "log_batch": log_bytes / max(1, writes),
        "enters": enters / count,
        "submissions": submissions / count,
    }


def chosen_brokers(bin_folder, peers, durabilities, without):
    """All that take part, Penstock first, the relay last."""
    brokers = []
    for durability in durabilities:
        name = "penstock" if durability == "sync" else f"penstock-{durability}"
        options = (("durability", durability),)
        brokers.append(Broker(name, f"{bin_folder}/penstock", configs.penstock, options))
    for name, binary in peers.items():
        brokers.append(Broker(name, binary, configs.kind_of(name)))
    brokers.append(Broker("relay", f"{bin_folder}/penstock-relay", configs.relay))
    return [broker for broker in brokers if broker.name not in without]

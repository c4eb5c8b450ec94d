"""Watches Penstock's data directory while it runs, and notes when segments begin and go and checkpoints are written."""

import os
import pathlib
import threading
import time

LOOK_S = 0.02


class LogWatch:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.events = []  # (monotonic ns, what)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _look(self):
        segments, checkpoints = set(), set()
        for path in self.folder.glob("log-*/*.segment"):
            if path.stem.isdigit():
                segments.add(path.name)
        for path in self.folder.glob("layout-*/shard-*/checkpoint"):
            try:
                checkpoints.add(path.stat().st_ino)
            except OSError:
                continue  # being replaced
        return segments, checkpoints

    def _watch(self):
        # Whoever measures latency on this core must not wait for us.
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))
        segments, checkpoints = self._look()
        while not self._ending.wait(LOOK_S):
            now_ns = time.monotonic_ns()
            new_segments, new_checkpoints = self._look()
            self.events += [(now_ns, "segment")] * len(new_segments - segments)
            self.events += [(now_ns, "retired")] * len(segments - new_segments)
            self.events += [(now_ns, "checkpoint")] * len(new_checkpoints - checkpoints)
            segments, checkpoints = new_segments, new_checkpoints

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()

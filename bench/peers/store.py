"""Where measurements are kept: bench/results/<date>-<machine>/ (for the part transports with its name behind), one JSON object a line, written as soon as it is there.

A rerun goes on where the last one stopped. What was measured of an older build of a broker does not count.
"""

import datetime
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
MEASUREMENTS = "measurements.jsonl"
SERIES = "series.jsonl"


def key_of(record):
    return record["scenario"], record["broker"], record["build"], record["round"]


class Store:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.records = self._read(MEASUREMENTS)
        self.series = self._read(SERIES)
        meta = self.folder / "machine.json"
        self.meta = json.loads(meta.read_text()) if meta.exists() else {}

    def _read(self, name):
        path = self.folder / name
        if not path.exists():
            return []
        records = []
        for line in path.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # the line that was being written when the last run was stopped
        return records

    def describe(self, **meta):
        """What is true of the whole folder: machine, profile, brokers."""
        self.meta.update(meta)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "machine.json").write_text(json.dumps(self.meta, indent=2) + "\n")

    def _append(self, name, record):
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / name, "a", encoding="utf-8") as file:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")

    def add(self, record):
        self.records.append(record)
        self._append(MEASUREMENTS, record)

    def add_series(self, record):
        self.series.append(record)
        self._append(SERIES, record)

    def has(self, scenario, broker, build, round_number):
        """Failures are tried again by the next run."""
        wanted = (scenario, broker, build, round_number)
        return any(key_of(record) == wanted and "failed" not in record for record in self.records)

    def has_series(self, name, broker, build):
        wanted = (name, broker, build)
        return any((one["name"], one["broker"], one["build"]) == wanted for one in self.series)

    def of(self, scenario, broker):
        """The measurements that count: of the newest build of the broker, and no failure of it that was made good."""
        build = self.meta.get("brokers", {}).get(broker, {}).get("build")
        chosen = {}
        for record in self.records:
            if (record["scenario"], record["broker"]) != (scenario, broker) or build not in (None, record["build"]):
                continue
            if "failed" not in record or record["round"] not in chosen:
                chosen[record["round"]] = record
        return [chosen[round_number] for round_number in sorted(chosen)]

    def brokers(self):
        return list(self.meta.get("brokers", {}))


def newest_folder(part, pattern="*"):
    """The last of the folders that hold measurements of this part and match, by their dates; None without any. Full
    ones first."""
    folders = [path.parent for path in RESULTS.glob(f"{pattern}/{MEASUREMENTS}")]
    folders = [folder for folder in folders if Store(folder).meta.get("part", "core") == part]
    return max(folders, key=lambda folder: (not folder.name.endswith("-quick"), folder.name), default=None)


def folder_to_go_on_in(machine, part, profile, fresh):
    """Today's, or an older one that has not come to its end; a new one when there is none, or when asked for."""
    suffix = machine if part == "core" else f"{machine}-{part}"
    suffix = suffix if profile == "full" else f"{suffix}-{profile}"
    today = RESULTS / f"{datetime.date.today().isoformat()}-{suffix}"
    last = newest_folder(part, f"????-??-??-{suffix}")
    if fresh:
        number = 2
        folder = today
        while folder.exists():
            folder = today.with_name(f"{today.name}.{number}")
            number += 1
        return folder
    if last is not None and not Store(last).meta.get("complete"):
        return last
    return today

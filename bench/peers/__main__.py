"""Penstock beside the brokers that a user would pick instead: measures, and writes docs/performance.md.

Each broker runs pinned to one core and penstock-bench to another; the brokers take turns, each freshly started for each
measurement. Everything is stored under bench/results as soon as it is measured, so a run that was stopped goes on where
it was. What the numbers mean: bench/METHOD.md.

  ./dev bench --quick                         some ten minutes, with Debian's mosquitto
  ./dev bench --peer flashmq=/opt/flashmq     all of it, with one peer more
  ./dev bench --part transports               only TLS, WebSocket and MQTT 5.0; --part core: all but these
  ./dev bench --report-only                   the page once more, from the results that are there
  ./dev bench instructions --check            instructions per message against bench/instructions.json
"""

import argparse
import os
import pathlib
import signal
import sys

import configs
import disk_floor
import instructions
import machine
import page
import scenarios
from broker_process import chosen_brokers
from generator import Generator
from profiles import PROFILES
from runner import Runner, say
from store import ROOT, Store, folder_to_go_on_in, newest_folder
from timelines import TimelineRunner


def parse_flags(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["compare", "instructions"], default="compare")
    parser.add_argument("--quick", action="store_true", help="less of everything, once")
    parser.add_argument("--tiny", action="store_true", help="only shows that it works")
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=PATH", help="one more broker; NAME begins with its kind"
    )
    parser.add_argument("--without", default="", help="names of brokers to leave out, separated by commas")
    parser.add_argument("--durability", default="sync", help="of Penstock, several separated by commas [sync]")
    parser.add_argument("--part", choices=scenarios.PARTS, help="only this part of it [both]")
    parser.add_argument("--only", default="", help="scenarios whose key holds this text")
    parser.add_argument("--minutes", type=float, default=0, help="measure no longer than this; the next run goes on")
    parser.add_argument("--fresh", action="store_true", help="begin a new folder of results")
    parser.add_argument("--report-only", action="store_true", help="measure nothing")
    parser.add_argument("--out", default="", help="folder of the results [bench/results/<date>-<machine>]")
    parser.add_argument("--docs", default=str(ROOT / "docs"), help="where performance.md is [docs]")
    parser.add_argument("--readme", default=str(ROOT / "README.md"), help="whose table is renewed; empty: none")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    parser.add_argument("--data", default="", help="folder for the brokers' data [a temporary one in /var/tmp]")
    cpus = sorted(os.sched_getaffinity(0))
    parser.add_argument("--broker-cpu", type=int, default=cpus[0])
    parser.add_argument("--bench-cpu", type=int, default=cpus[-1])
    parser.add_argument("--check", action="store_true", help="instructions: compare with the baseline, do not write it")
    flags = parser.parse_args(arguments)
    # The brokers run in folders of their own.
    for name in ("bin", "data", "out", "docs", "readme"):
        if path := getattr(flags, name):
            setattr(flags, name, str(pathlib.Path(path).resolve()))
    return flags


def profile_of(flags):
    return PROFILES["tiny" if flags.tiny else "quick" if flags.quick else "full"]


def peers_of(flags):
    peers = {}
    if mosquitto := configs.default_mosquitto():
        peers["mosquitto"] = mosquitto
    for text in flags.peer:
        name, separator, path = text.partition("=")
        if not separator or not pathlib.Path(path).is_file():
            sys.exit(f"--peer {text}: give NAME=PATH of an executable")
        peers[name] = str(pathlib.Path(path).resolve())
    return peers


def folder_of(flags, part):
    return f"{flags.out}-{part}" if flags.out and part != "core" else flags.out


def measure(flags, part, profile):
    data = flags.data or "/var/tmp"
    brokers = chosen_brokers(flags.bin, peers_of(flags), flags.durability.split(","), flags.without.split(","))
    store = Store(folder_of(flags, part) or folder_to_go_on_in(machine.short_name(), part, profile.name, flags.fresh))
    described = {
        broker.name: {"build": broker.build, "version": configs.version_of(broker.name, broker.binary)}
        for broker in brokers
    }
    # Peers of an earlier run stay on the page, though their binaries are not at hand now; an older Penstock does not.
    earlier = {name: about for name, about in store.meta.get("brokers", {}).items() if not name.startswith("penstock")}
    known = {
        **{name: about for name, about in described.items() if name.startswith("penstock")},
        **earlier,
        **described,
    }
    about = machine.describe(data, ROOT)
    store.describe(part=part, profile=profile.name, machine=about, brokers=known, complete=False)
    os.sched_setaffinity(0, {flags.bench_cpu})  # the broker has its core for itself
    generator = Generator(f"{flags.bin}/penstock-bench", flags.bench_cpu)
    runner = Runner(store, part, profile, brokers, generator, flags, about["descriptors"])
    core = part == "core"
    if core and (not flags.only or flags.only in "disk"):
        disk_floor.measure_missing(
            store, f"{flags.bin}/penstock-disk-floor", profile, flags.broker_cpu, data, build="raw"
        )
    timelines = TimelineRunner(store, profile, brokers, generator, flags)
    complete = runner.run() and (not core or timelines.run(runner.out_of_time))
    store.describe(complete=complete and not flags.only)
    return store


def main(arguments):
    flags = parse_flags(arguments)
    # As Ctrl-C does: whoever runs a broker or a load ends it on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if flags.what == "instructions":
        return instructions.main(flags)
    written = 0
    for part in [flags.part] if flags.part else scenarios.PARTS:
        if flags.report_only:
            folder = folder_of(flags, part) or newest_folder(part, f"*{machine.short_name()}*") or newest_folder(part)
            if folder is None:
                continue
            store = Store(folder)
        else:
            store = measure(flags, part, profile_of(flags))
        readme = pathlib.Path(flags.readme) if flags.readme else None
        for path in page.write(store, part, pathlib.Path(flags.docs), readme):
            say(f"wrote {path}")
            written += 1
    if written == 0:
        sys.exit("there are no results under bench/results")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

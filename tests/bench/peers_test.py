#!/usr/bin/env python3
"""bench/peers without a broker: its statistics, its store, its verdicts, its pictures."""

import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))

import broker_process
import charts
import disk_floor
import generator
import instructions
import page
import scenarios
import targets
from results import Results
from spread import interpolate, significant, spread
from store import Store

WORK = """stopped: 3 connections, 10 publishes, 20 deliveries
work: 4 log writes of 8000 bytes, 40 ring enters with 60 submissions"""


def filled_store(folder, records):
    store = Store(folder)
    brokers = {name: {"build": "new", "version": "1"} for name in ("penstock", "mosquitto", "flashmq", "relay")}
    store.describe(brokers=brokers, machine={"descriptors": 20_000}, profile="full", complete=True)
    for record in records:
        store.add({"build": "new", "round": 0, **record})
    return store


class Statistics(unittest.TestCase):
    def test_spread_is_median_least_and_most_of_what_is_there(self):
        found = spread([3.0, None, 1.0, 2.0])
        self.assertEqual((found.median, found.low, found.high, found.count), (2.0, 1.0, 3.0, 3))
        self.assertIsNone(spread([None]))

    def test_interpolate_follows_the_line_and_stays_flat_outside(self):
        points = [(10, 1.0), (20, 3.0)]
        self.assertEqual([interpolate(points, x) for x in (5, 10, 15, 20, 99)], [1.0, 1.0, 2.0, 3.0, 3.0])

    def test_significant_keeps_four_digits_and_whole_numbers_as_they_are(self):
        self.assertEqual(significant(1234567.8), 1235000.0)
        self.assertEqual(significant(1234567), 1234567)

    def test_disk_floor_costs_by_commit_between_two_sizes(self):
        points = [(1000, 10.0), (3000, 10.0)]  # 10 us and 30 us a commit
        self.assertAlmostEqual(disk_floor.cpu_ns_per_byte(points, 2000), 10.0)
        self.assertAlmostEqual(disk_floor.cpu_ns_per_byte(points, 10), 10.0)


class Table(unittest.TestCase):
    def test_keys_are_unique_and_every_floor_exists(self):
        self.assertEqual(len(scenarios.BY_KEY), len(scenarios.SCENARIOS))
        for scenario in scenarios.SCENARIOS:
            floor = scenarios.BY_KEY.get(Results.relay_scenario(None, scenario.key))
            if scenario.group in ("pairs", "fans", "latency", "subscriptions", "connections"):
                self.assertTrue(floor is not None and floor.relay_flags, scenario.key)

    def test_descriptors_count_where_connections_are_many(self):
        self.assertEqual(scenarios.BY_KEY["idle-10000"].needs_descriptors, 10_000)
        self.assertEqual(scenarios.BY_KEY["pair-50-q0-64"].needs_descriptors, 0)


class Stored(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_goes_on_where_it_stopped_and_forgets_a_torn_line(self):
        filled_store(self.folder.name, [{"scenario": "a", "broker": "penstock", "cpu_us": 1.0}])
        with open(pathlib.Path(self.folder.name) / "measurements.jsonl", "a") as file:
            file.write('{"scenario":"b","bro')
        store = Store(self.folder.name)
        self.assertTrue(store.has("a", "penstock", "new", 0))
        self.assertFalse(store.has("a", "penstock", "newer", 0))
        self.assertFalse(store.has("a", "penstock", "new", 1))
        self.assertEqual(len(store.records), 1)

    def test_tries_a_failure_again_and_lets_only_the_success_count(self):
        store = filled_store(self.folder.name, [{"scenario": "a", "broker": "penstock", "failed": "no"}])
        self.assertFalse(store.has("a", "penstock", "new", 0))
        store.add({"scenario": "a", "broker": "penstock", "build": "new", "round": 0, "cpu_us": 2.0})
        self.assertEqual([record.get("cpu_us") for record in store.of("a", "penstock")], [2.0])

    def test_leaves_out_what_an_older_build_did(self):
        store = filled_store(self.folder.name, [])
        store.add({"scenario": "a", "broker": "penstock", "build": "old", "round": 0, "cpu_us": 9.0})
        self.assertEqual(store.of("a", "penstock"), [])

    def test_floor_is_the_relay_and_the_disk_for_the_same_bytes(self):
        records = [
            {"scenario": disk_floor.key(size), "broker": "disk", "build": "raw", "cpu_ns_per_byte": 0.5}
            for size in disk_floor.BATCHES
        ]
        records.append({"scenario": "pair-1-q0-64", "broker": "relay", "cpu_us": 0.05})
        records.append(
            {"scenario": "pair-1-q1-64", "broker": "penstock", "cpu_us": 0.6, "log_bytes": 200.0, "log_batch": 65536.0}
        )
        results = Results(filled_store(self.folder.name, records))
        self.assertAlmostEqual(results.floor_us("pair-1-q1-64"), 0.05 + 0.1)
        self.assertIsNone(results.floor_us("pair-50-q1-64"))

    def test_verdicts_name_what_is_met_missed_and_not_measured(self):
        records = [
            {"scenario": "pair-1-q0-64", "broker": "penstock", "cpu_us": 0.30},
            {"scenario": "pair-50-q0-64", "broker": "penstock", "cpu_us": 0.20},
            {"scenario": "pair-50-q0-64", "broker": "flashmq", "cpu_us": 0.80},
            {"scenario": "pair-50-q0-64", "broker": "mosquitto", "cpu_us": 9.0},
        ]
        found = {one.what: one for one in targets.verdicts(Results(filled_store(self.folder.name, records)))}
        missed = found["CPU us per delivery, QoS 0, 1:1"]
        self.assertEqual((missed.met, missed.distance), (False, "1.50x of it"))
        met = found["CPU us per delivery, QoS 0, 50:50"]
        self.assertEqual((met.met, met.distance), (True, "20% below"))
        peers = found["CPU against the fastest peer, QoS 0, 50:50"]
        self.assertEqual((peers.met, peers.measured), (True, "4.0x less than flashmq"))
        self.assertIsNone(found["CPU us per delivery, fan-out 1:1000"].met)

    def test_problems_are_told_once(self):
        record = {"scenario": "pair-1-q0-64", "broker": "flashmq", "problems": ["3 messages  lost"]}
        store = filled_store(self.folder.name, [record, {**record, "round": 1}])
        self.assertEqual(Results(store).problems(), ["flashmq, 1:1, QoS 0, 64 B: 3 messages lost"])


class Readings(unittest.TestCase):
    def test_work_of_penstock_is_per_delivery(self):
        work = broker_process.work_of(WORK)
        self.assertEqual(work, {"log_bytes": 400.0, "log_batch": 2000.0, "enters": 2.0, "submissions": 3.0})
        self.assertEqual(broker_process.work_of("mosquitto terminating"), {})

    def test_report_becomes_flat_and_keeps_its_problems(self):
        latency = {"count": 1, "p50": 1000, "p99": 2000, "p999": 3000, "max": 4000}
        found = generator.compact(
            {
                "delivered": {"per_second": 123456.7},
                "delivery_latency_ns": latency,
                "problems": ["x"],
                "check": {"lost": 2},
                "broker": {"cpu_us_per_unit": 0.5, "cpu_seconds": 1, "rss_bytes": 7, "anonymous_bytes": 6},
            }
        )
        self.assertEqual((found["per_s"], found["p99"], found["lost"], found["problems"]), (123500.0, 2.0, 2, ["x"]))

    def test_instructions_fail_only_when_they_have_become_more(self):
        lines, good = instructions.compare({"a": 103, "b": 80, "c": 5}, {"a": 100, "b": 100}, 5)
        self.assertTrue(good)
        self.assertIn("less", lines[1])
        self.assertIn("not in the baseline", lines[2])
        self.assertFalse(instructions.compare({"a": 106}, {"a": 100}, 5)[1])


class Pictures(unittest.TestCase):
    def parses(self, picture):
        self.assertIsNotNone(picture)
        root = xml.etree.ElementTree.fromstring(picture)
        self.assertNotIn('="nan', picture)
        return root

    def test_bars_and_lines_are_whole_svg(self):
        self.parses(charts.bars("a < b", [("QoS 0 & more", [("penstock", 0.2), ("relay", 0.05)])], "us"))
        self.parses(charts.lines("growth", {"penstock": [(1, 0.3), (1_000_000, 0.4)], "x": [(1, 5.0)]}, "things", "us"))
        self.assertIsNone(charts.bars("nothing", [], "us"))
        self.assertIsNone(charts.lines("nothing", {}, "things", "us"))

    def test_latency_over_time_leaves_out_intervals_without_messages(self):
        series = {
            "interval_ms": 100,
            "count": [5, 0, 5],
            "p50": [10, 0, 20],
            "p99": [20, 0, 30],
            "p999": [30, 0, 40],
            "max": [40, 0, 90],
        }
        events = [(0.1, "segment"), (0.15, "checkpoint"), (-0.2, "segment"), (0.2, "storm: 5 connects")]
        root = self.parses(charts.over_time("t", series, events))
        lines = [node for node in root.iter() if node.tag.endswith("polyline")]
        self.assertEqual([len(line.get("points").split()) for line in lines], [2, 2, 2, 2])

    def test_only_what_is_marked_is_replaced(self):
        text = "by hand\n<!-- bench x: made by ./dev bench -->\nold\n<!-- end of bench x -->\nby hand too\n"
        new = page.replace_marked(text, "x", r"a \1 b")
        self.assertEqual(new, text.replace("old", r"a \1 b"))
        self.assertEqual(page.replace_marked(text, "y", "z"), text)


if __name__ == "__main__":
    unittest.main()

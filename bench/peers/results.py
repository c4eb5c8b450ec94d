"""What the page asks of the store: medians with spread, the floors of Penstock, the best of the peers."""

import re

import disk_floor
import scenarios
from spread import spread

NOT_COMPARED = ("relay", disk_floor.BROKER)


class Results:
    def __init__(self, store):
        self.store = store
        self.meta = store.meta
        self.brokers = [name for name in store.brokers() if name not in NOT_COMPARED]

    @property
    def peers(self):
        return [name for name in self.brokers if not name.startswith("penstock")]

    def value(self, scenario, broker, name="cpu_us"):
        return spread([record.get(name) for record in self.store.of(scenario, broker)])

    def median(self, scenario, broker, name="cpu_us"):
        found = self.value(scenario, broker, name)
        return found.median if found else None

    def best_peer(self, scenario, name="cpu_us", least=True):
        """(value, broker) of the peer that does best; None without any."""
        found = [(self.median(scenario, peer, name), peer) for peer in self.peers]
        found = [pair for pair in found if pair[0] is not None]
        return (min if least else max)(found, default=None)

    def relay_scenario(self, key):
        """The relay knows only QoS 0, and neither idle subscriptions nor connections change what it does."""
        if key.startswith(("subscriptions", "connections")):
            return "pair-50-q0-64"
        return re.sub(r"-q[12]-", "-q0-", key).replace("fanin-q0", "fanin")

    def disk_us(self, key, broker):
        """CPU of a raw program that writes and syncs the same bytes in batches as large, for each delivery."""
        log_bytes = self.median(key, broker, "log_bytes")
        batch = self.median(key, broker, "log_batch")
        points = []
        for size in disk_floor.BATCHES:
            cost = self.median(disk_floor.key(size), disk_floor.BROKER, "cpu_ns_per_byte")
            if cost is not None:
                points.append((size, cost))
        if log_bytes is None or not points:
            return None
        return log_bytes * disk_floor.cpu_ns_per_byte(points, batch) / 1e3

    def floor_us(self, key, broker="penstock"):
        """CPU for each message of relaying its bytes and of writing them; None when one of the two is not known."""
        relayed = self.median(self.relay_scenario(key), "relay")
        written = self.disk_us(key, broker)
        return None if relayed is None or written is None else relayed + written

    def problems(self):
        """Lines about what went wrong, was skipped, or does not count as it is."""
        seen = {}
        for key in scenarios.BY_KEY:
            for broker in [*self.brokers, "relay"]:
                for record in self.store.of(key, broker):
                    texts = [record[name] for name in ("failed", "skipped") if name in record]
                    texts += record.get("problems", [])
                    if record.get("unsent", 0) > 0:
                        texts.append("could not take all that the timetable sent")
                    for text in texts:
                        seen.setdefault((broker, key), re.sub(r"\s+", " ", text))
        return [f"{broker}, {scenarios.BY_KEY[key].title}: {text}" for (broker, key), text in seen.items()]

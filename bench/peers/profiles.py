"""How much is measured: one row a profile. A measurement takes warm-up and duration, and about a second around them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    name: str
    rounds: int
    warmup_s: float
    duration_s: float
    timeline_s: float
    timeline_interval_ms: int
    scale: float  # of backlogs and storms
    extent: int  # of the table of scenarios: 0 the least, 2 all of it


PROFILES = {
    "full": Profile("full", 3, 1.5, 4.0, 30.0, 200, 1.0, 2),
    "quick": Profile("quick", 1, 0.4, 1.0, 8.0, 100, 0.1, 1),
    "tiny": Profile("tiny", 1, 0.1, 0.2, 0.6, 100, 0.001, 0),  # shows that it works; its numbers mean nothing
}

"""Statistics of the rounds of one measurement: median, least and most."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float
    count: int


def spread(values):
    """Of the values that are there; None when none is."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    return Spread(statistics.median(present), min(present), max(present), len(present))


def interpolate(points, x):
    """The y at `x` of a line through (x, y) points in rising order of x; its ends reach on flat."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def significant(value, digits=4):
    """Rounded for storing: nobody can measure more digits than that."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{digits}g}")

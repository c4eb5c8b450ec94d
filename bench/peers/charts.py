"""The three charts of the page: bars side by side, lines over a growing number, latency over time."""

import math

from svg import Drawing

WIDTH = 820
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 44, 36
EVENT_ROW = 14
NAMES = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}


class LogScale:
    """Decades of [low, high] onto [begin, end] of the picture."""

    def __init__(self, low, high, begin, end):
        self.low = 10 ** math.floor(math.log10(low))
        self.high = max(10 ** math.ceil(math.log10(high)), self.low * 10)
        self.begin, self.end = begin, end

    def __call__(self, value):
        value = min(max(value, self.low), self.high)
        part = math.log10(value / self.low) / math.log10(self.high / self.low)
        return self.begin + part * (self.end - self.begin)

    def decades(self):
        value = self.low
        while value <= self.high * 1.001:
            yield value
            value *= 10


def short(value):
    """1500 as 1.5k: labels must be short."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def duration(microseconds):
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:g} s"
    return f"{microseconds / 1e3:g} ms" if microseconds >= 1e3 else f"{microseconds:g} us"


def legend(drawing, names, y=32):
    x = LEFT
    for name, label in names:
        drawing.bar(x, y - 9, 10, 10, name)
        drawing.text(x + 14, y, label)
        x += 30 + 7 * len(label)


def bars(title, groups, unit):
    """`groups`: (label, [(name, value)]); a logarithmic scale, as the brokers are decades apart."""
    values = [value for _, row in groups for _, value in row]
    if not values:
        return None
    row_height, gap, left = 15, 12, 170
    height = TOP + sum(row_height * len(row) + gap for _, row in groups) + BOTTOM - 10
    drawing = Drawing(WIDTH, height, title)
    drawing.text(10, 16, f"{title}, {unit} (logarithmic); less is better", bold=True)
    names = list(dict.fromkeys(name for _, row in groups for name, _ in row))
    legend(drawing, [(name, name) for name in names])
    scale = LogScale(min(values), max(values), left, WIDTH - 70)
    for value in scale.decades():
        drawing.line(scale(value), TOP, scale(value), height - 24)
        drawing.text(scale(value), height - 10, short(value), "middle")
    y = TOP + gap / 2
    for label, row in groups:
        drawing.text(left - 8, y + row_height * len(row) / 2 + 4, label, "end")
        for name, value in row:
            drawing.bar(left, y + 1, scale(value) - left, row_height - 3, name)
            drawing.text(scale(value) + 5, y + 11, short(value))
            y += row_height
        y += gap
    return drawing.render()


def lines(title, series, x_label, unit):
    """`series`: {name: [(x, y)]}; both axes logarithmic."""
    points = [point for line in series.values() for point in line]
    if not points:
        return None
    height = 320
    drawing = Drawing(WIDTH, height, title)
    drawing.text(10, 16, f"{title}, {unit}", bold=True)
    legend(drawing, [(name, name) for name in series])
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_scale = LogScale(min(xs), max(xs), LEFT, WIDTH - RIGHT - 20)
    y_scale = LogScale(min(ys), max(ys), height - BOTTOM, TOP)
    for value in y_scale.decades():
        drawing.line(LEFT, y_scale(value), WIDTH - RIGHT, y_scale(value))
        drawing.text(LEFT - 6, y_scale(value) + 4, short(value), "end")
    for value in x_scale.decades():
        drawing.text(x_scale(value), height - BOTTOM + 16, short(value), "middle")
    drawing.text(WIDTH - RIGHT, height - 4, x_label, "end")
    for name, line in series.items():
        placed = [(x_scale(x), y_scale(y)) for x, y in line]
        drawing.path(placed, name)
        for x, y in placed:
            drawing.dot(x, y, name)
    return drawing.render()


def over_time(title, series, events):
    """`series` as timelines.py stores it; `events`: (seconds, what). Log events are ticks in rows, others are lines."""
    interval_s = series["interval_ms"] / 1e3
    present = [i for i, count in enumerate(series["count"]) if count > 0]
    values = [series[name][i] for name in NAMES for i in present if series[name][i] > 0]
    if not values:
        return None
    kinds = [kind for kind in ("segment", "checkpoint", "retired") if any(what == kind for _, what in events)]
    height = 330 + EVENT_ROW * len(kinds)
    plot_end = height - BOTTOM - EVENT_ROW * len(kinds)
    drawing = Drawing(WIDTH, height, title)
    drawing.text(10, 16, f"{title}; each {series['interval_ms']:g} ms", bold=True)
    legend(drawing, list(NAMES.items()))
    span_s = len(series["count"]) * interval_s
    scale = LogScale(min(values), max(values), plot_end, TOP + 14)

    def x_of(seconds):
        return LEFT + seconds / span_s * (WIDTH - RIGHT - LEFT)

    for value in scale.decades():
        drawing.line(LEFT, scale(value), WIDTH - RIGHT, scale(value))
        drawing.text(LEFT - 6, scale(value) + 4, duration(value), "end")
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 1e9) if span_s / step <= 10)
    for tick in range(int(span_s / step) + 1):
        drawing.text(x_of(tick * step), height - BOTTOM + 16, f"{tick * step:g} s", "middle")
    for name in reversed(NAMES):
        drawing.path([(x_of((i + 0.5) * interval_s), scale(series[name][i])) for i in present], name, 1.2)
    draw_events(drawing, events, kinds, x_of, plot_end)
    return drawing.render()


def draw_events(drawing, events, kinds, x_of, plot_end):
    for row, kind in enumerate(kinds):
        y = plot_end + 4 + EVENT_ROW * row
        drawing.text(LEFT - 6, y + 9, kind, "end")
        for at, what in events:
            if what == kind and at >= 0:
                drawing.bar(x_of(at), y, 1.5, EVENT_ROW - 4, "p50")
    others = [(max(0, at), what) for at, what in events if what not in ("segment", "checkpoint", "retired")]
    for number, (at, what) in enumerate(others):
        drawing.line(x_of(at), TOP, x_of(at), plot_end, dashed=True)
        drawing.text(x_of(at) + 3, TOP + 10 + 12 * (number % 2), what)

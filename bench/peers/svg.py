"""Just enough SVG for the charts of the page: plain shapes, colours that suit a light and a dark page."""

from html import escape

# Light, dark.
COLOURS = {
    "penstock": ("#1d4ed8", "#60a5fa"),
    "flashmq": ("#b45309", "#fbbf24"),
    "mosquitto": ("#7c3aed", "#c4b5fd"),
    "nanomq": ("#047857", "#34d399"),
    "emqx": ("#be123c", "#fb7185"),
    "other": ("#0e7490", "#67e8f9"),
    "floor": ("#6b7280", "#9ca3af"),
    "p50": ("#1d4ed8", "#60a5fa"),
    "p99": ("#047857", "#34d399"),
    "p999": ("#b45309", "#fbbf24"),
    "max": ("#be123c", "#fb7185"),
}
BROKERS = ("penstock", "flashmq", "mosquitto", "nanomq", "emqx")
INK = ("#1f2937", "#e5e7eb")
FAINT = ("#d1d5db", "#4b5563")
FONT = "font: 12px system-ui, sans-serif"


def colour_class(name):
    """`flashmq-1.26` has the colour of flashmq."""
    if name in COLOURS:
        return name
    if name == "relay":
        return "floor"
    return next((known for known in BROKERS if name.startswith(known)), "other")


def _rules(index, used):
    rules = [
        f"text {{ {FONT}; fill: {INK[index]} }}",
        f".axis {{ stroke: {FAINT[index]}; stroke-width: 1; fill: none }}",
    ]
    for name in sorted(used):
        rules.append(f".f-{name} {{ fill: {COLOURS[name][index]} }}")
        rules.append(f".s-{name} {{ stroke: {COLOURS[name][index]}; fill: none }}")
    return " ".join(rules)


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.shapes = []
        self.used = set()

    def _class(self, kind, name):
        colour = colour_class(name)
        self.used.add(colour)
        return f'class="{kind}-{colour}"'

    def text(self, x, y, text, anchor="start", bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, dashed=False):
        dash = ' stroke-dasharray="3 3"' if dashed else ""
        self.shapes.append(f'<line class="axis" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{dash}/>')

    def bar(self, x, y, width, height, name):
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{max(1, width):.1f}" height="{height:.1f}" rx="2"'
        self.shapes.append(f'<rect {self._class("f", name)} {shape}/>')

    def path(self, points, name, width=1.6):
        if points:
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            self.shapes.append(f'<polyline {self._class("s", name)} stroke-width="{width}" points="{way}"/>')

    def dot(self, x, y, name, radius=3.0):
        self.shapes.append(f'<circle {self._class("f", name)} cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>')

    def render(self):
        light, dark = _rules(0, self.used), _rules(1, self.used)
        style = f"{light} @media (prefers-color-scheme: dark) {{ {dark} }}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
        return "\n".join(
            [
                f'{head} role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{style}</style>",
                *self.shapes,
                "</svg>\n",
            ]
        )

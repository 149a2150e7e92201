"""Pictures for the demo's papers, drawn here: the sample may ship no picture of anybody's. Pure: equal keys, equal octets."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 1056, 496
#: Lines are drawn so many times as large, and smoothed on the way down.
_FINE = 2
_INK = "#f3ede1"
_MARGIN_X, _MARGIN_Y = 150, 84

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Palette:
    """Colours of the ground from its upper left to its lower right corner, and the one that stands out."""

    start: str
    end: str
    accent: str


_PALETTES = (
    _Palette("#22384e", "#8e3f2a", "#f2b28a"),
    _Palette("#1d3838", "#4d7a63", "#f0cf93"),
    _Palette("#2b2947", "#7d4c62", "#f3b79c"),
    _Palette("#1f3350", "#4c8093", "#f4cda4"),
    _Palette("#33262b", "#a2623b", "#f5d09a"),
    _Palette("#23362c", "#86793d", "#f4d7a0"),
)


def draw_figure(key: str) -> bytes:
    """Return a PNG in the manner of a figure from a paper, ``WIDTH`` by ``HEIGHT`` pixels; another one for each key."""
    chance = random.Random(key)  # noqa: S311 - decides how a drawing looks
    palette, figure = chance.choice(_PALETTES), chance.choice(_FIGURES)
    plate = _Plate(palette)
    figure(plate, chance)
    out = io.BytesIO()
    plate.image.save(out, "PNG", compress_level=1)
    return out.getvalue()


class _Plate:
    """A ground of two colours that run into each other, and layers of ink on it."""

    def __init__(self, palette: _Palette) -> None:
        self.accent = palette.accent
        start, end = (Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in (palette.start, palette.end))
        # How much of the end there is grows evenly to the right, and as much downwards: half of each is the diagonal.
        right = Image.linear_gradient("L").rotate(90).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        down = Image.linear_gradient("L").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        self.image = Image.composite(end, start, Image.blend(right, down, 0.5))

    def ink(self, opacity: float, draw: Callable[[_Pen], object], colour: str = _INK) -> None:
        """Lay what ``draw`` draws over the plate; opacity is 0 to 1."""
        mask = Image.new("L", (WIDTH * _FINE, HEIGHT * _FINE))
        draw(_Pen(mask))
        mask = mask.reduce(_FINE).point([round(value * opacity) for value in range(256)])
        self.image.paste(colour, mask=mask)


class _Pen:
    """Draws in pixels of the plate. ``strength`` is 0 to 1, of the layer's opacity."""

    def __init__(self, mask: Image.Image) -> None:
        self._draw = ImageDraw.Draw(mask)

    def line(self, points: Sequence[Point], width: float = 2, strength: float = 1) -> None:
        fine = [(x * _FINE, y * _FINE) for x, y in points]
        self._draw.line(fine, fill=round(255 * strength), width=round(width * _FINE), joint="curve")

    def area(self, points: Sequence[Point], strength: float = 1) -> None:
        self._draw.polygon([(x * _FINE, y * _FINE) for x, y in points], fill=round(255 * strength))

    def dot(self, centre: Point, radius: float, strength: float = 1) -> None:
        x, y = centre
        box = [(part * _FINE) for part in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, fill=round(255 * strength))

    def box(self, left: float, top: float, right: float, bottom: float, radius: float = 0, strength: float = 1) -> None:
        fine = [part * _FINE for part in (left, top, right, bottom)]
        self._draw.rounded_rectangle(fine, radius * _FINE, fill=round(255 * strength))


def _curves(plate: _Plate, chance: random.Random) -> None:
    """Several ways of learning; one ends above the others."""
    _grid(plate)
    left, right, top, bottom = _frame()
    ways = []
    count = chance.choice((3, 4))
    for number in range(count):
        height = (0.94 - 0.19 * number) * (bottom - top)
        speed, wave = chance.uniform(2.2, 5.5) / (1 + 0.2 * number), chance.uniform(0, math.tau)
        steps = [step / 120 for step in range(121)]
        ways.append(
            [
                (
                    left + share * (right - left),
                    bottom
                    - height * (1 - math.exp(-speed * share)) / (1 - math.exp(-speed))
                    + 5 * math.sin(wave + 17 * share) * (1 - share),
                )
                for share in steps
            ]
        )
    best, *others = ways

    def rest(pen: _Pen) -> None:
        for number, way in enumerate(others):
            pen.line(way, 3, 0.8 - 0.2 * number)
            pen.dot(way[-1], 6, 0.8 - 0.2 * number)

    def first(pen: _Pen) -> None:
        pen.line(best, 5)
        pen.dot(best[-1], 10)

    plate.ink(0.12, lambda pen: pen.area([*best, (right, bottom), (left, bottom)]), plate.accent)
    plate.ink(0.75, rest)
    plate.ink(1, first, plate.accent)


def _bars(plate: _Plate, chance: random.Random) -> None:
    """Groups of bars; the last of each group is the one that counts."""
    _grid(plate)
    left, right, top, bottom = _frame()
    groups, each = chance.choice(((5, 3), (6, 3), (7, 2), (5, 4)))
    room = (right - left) / groups
    width = room * 0.66 / each
    bars = []
    for group in range(groups):
        base = chance.uniform(0.28, 0.62)
        for place in range(each):
            share = min(
                0.98, base * (0.7 + 0.3 * (place + 1) / each) + (0.24 if place == each - 1 else chance.uniform(-0.06, 0.06))
            )
            x = left + group * room + room * 0.17 + place * width
            bars.append((place, x, bottom - share * (bottom - top)))

    def some(is_last: bool) -> Callable[[_Pen], object]:
        def draw(pen: _Pen) -> None:
            for place, x, y in bars:
                if (place == each - 1) is is_last:
                    pen.box(x, y, x + width - 5, bottom, 4, 1 if is_last else 0.45 + 0.35 * place / each)

        return draw

    plate.ink(0.62, some(is_last=False))
    plate.ink(1, some(is_last=True), plate.accent)


def _network(plate: _Plate, chance: random.Random) -> None:
    """Layers of nodes, and one way through them."""
    left, right, top, bottom = _frame()
    sizes = [chance.randint(3, 6) for _ in range(chance.choice((5, 6)))]
    layers = []
    for place, size in enumerate(sizes):
        x = left + place * (right - left) / (len(sizes) - 1)
        gap = min(78.0, (bottom - top) / (size - 1))
        layers.append([(x, (top + bottom) / 2 + (row - (size - 1) / 2) * gap) for row in range(size)])
    way = [chance.choice(layer) for layer in layers]
    links = [(one, other) for here, there in pairwise(layers) for one in here for other in there]

    def edges(pen: _Pen) -> None:
        for one, other in links:
            pen.line(_bend(one, other), 1.5, chance.choice((0.25, 0.45, 0.9)))

    def nodes(pen: _Pen) -> None:
        for layer in layers:
            for node in layer:
                pen.dot(node, 11)

    def chosen(pen: _Pen) -> None:
        for one, other in pairwise(way):
            pen.line(_bend(one, other), 4.5)
        for node in way:
            pen.dot(node, 14)

    plate.ink(0.42, edges)
    plate.ink(0.92, nodes)
    plate.ink(1, chosen, plate.accent)


def _clusters(plate: _Plate, chance: random.Random) -> None:
    """Points that lie together, one group of them marked."""
    left, right, top, bottom = _frame()
    count = chance.choice((3, 4, 5))
    centres = [(left + (place + 0.5) * (right - left) / count, chance.uniform(top + 95, bottom - 95)) for place in range(count)]
    marked = chance.randrange(count)
    groups = []
    for centre in centres:
        wide, high, turn = chance.uniform(42, 66), chance.uniform(24, 42), chance.uniform(-0.8, 0.8)
        spread = [(chance.gauss(0, wide), chance.gauss(0, high)) for _ in range(70)]
        groups.append((centre, wide, high, turn, [_turned(centre, point, turn) for point in spread]))

    def points(number: int) -> Callable[[_Pen], object]:
        def draw(pen: _Pen) -> None:
            for point in groups[number][4]:
                pen.dot(point, 4.5, 0.55 + 0.45 * chance.random())

        return draw

    def halo(pen: _Pen) -> None:
        for centre, wide, high, turn, _ in groups:
            for scale, strength in ((2.4, 0.35), (1.5, 0.75)):
                pen.area([_turned(centre, (scale * wide * x, scale * high * y), turn) for x, y in _circle()], strength)

    plate.ink(0.16, halo)
    for number in range(count):
        plate.ink(0.95, points(number), plate.accent if number == marked else _INK)


def _matrix(plate: _Plate, chance: random.Random) -> None:
    """What looks at what: bright along the diagonal, with a column that everything looks at."""
    _, _, top, bottom = _frame()
    rows, columns = 9, chance.choice((19, 21, 23))
    side = (bottom - top + 24) / rows
    left, first = (WIDTH - columns * side) / 2, top - 12
    column = chance.randrange(2, columns - 2)
    cells = {}
    for row in range(rows):
        centre = row * (columns - 1) / (rows - 1)
        for place in range(columns):
            near = math.exp(-(((place - centre) / 2.1) ** 2))
            noise = 0.1 * chance.random()
            cells[row, place] = min(1.0, 0.1 + 0.8 * near + noise + (0.3 if place == column else 0))

    def draw(pen: _Pen) -> None:
        for (row, place), strength in cells.items():
            x, y = left + place * side, first + row * side
            pen.box(x + 2, y + 2, x + side - 2, y + side - 2, 5, strength)

    def mark(pen: _Pen) -> None:
        for row in range(rows):
            x, y = left + column * side, first + row * side
            pen.box(x + 2, y + 2, x + side - 2, y + side - 2, 5, cells[row, column])

    plate.ink(0.8, draw)
    plate.ink(0.95, mark, plate.accent)


def _valley(plate: _Plate, chance: random.Random) -> None:
    """Level lines of a valley, and a way down into it."""
    centre = (WIDTH * chance.uniform(0.54, 0.66), HEIGHT * chance.uniform(0.48, 0.58))
    phases = [chance.uniform(0, math.tau) for _ in range(3)]

    def level(size: float) -> list[Point]:
        line = []
        for step in range(145):
            angle = math.tau * step / 144
            wobble = sum(math.sin((order + 2) * angle + phase) / (order + 2) for order, phase in enumerate(phases))
            radius = size * (1 + 0.2 * wobble * min(1.0, size / 160))
            line.append((centre[0] + 1.85 * radius * math.cos(angle), centre[1] + radius * math.sin(angle)))
        return line

    def lines(pen: _Pen) -> None:
        for number in range(1, 13):
            pen.line(level(30 * number), 2.2, 1 - 0.058 * number)

    side = chance.choice((-1, 1))
    start = (WIDTH * 0.16, HEIGHT * (0.5 - 0.28 * side))
    way = []
    for step in range(13):
        share = 1 - (1 - step / 12) ** 1.7
        swing = side * 60 * math.sin(1.9 * step) * (1 - share) ** 1.3
        way.append((start[0] + share * (centre[0] - start[0]), start[1] + share * (centre[1] - start[1]) + swing))

    def down(pen: _Pen) -> None:
        pen.line(way, 3.5)
        for number, point in enumerate(way):
            pen.dot(point, 11 if number == len(way) - 1 else 6.5)

    plate.ink(0.06, lambda pen: pen.area(level(60)))
    plate.ink(0.6, lines)
    plate.ink(1, down, plate.accent)


_FIGURES = (_curves, _bars, _network, _clusters, _matrix, _valley)


def _frame() -> tuple[float, float, float, float]:
    """Return left, right, top and bottom of what a figure fills."""
    return _MARGIN_X, WIDTH - _MARGIN_X, _MARGIN_Y, HEIGHT - _MARGIN_Y


def _grid(plate: _Plate) -> None:
    left, right, top, bottom = _frame()

    def draw(pen: _Pen) -> None:
        for number in range(5):
            y = bottom - number * (bottom - top) / 4
            pen.line([(left, y), (right, y)], 1.5 if number else 2.5, 0.5 if number else 1)

    plate.ink(0.3, draw)


def _bend(one: Point, other: Point) -> list[Point]:
    """Return a line that leaves and arrives level."""
    (x, y), (to_x, to_y) = one, other
    shares = [step / 16 for step in range(17)]
    return [(x + share * (to_x - x), y + (3 - 2 * share) * share**2 * (to_y - y)) for share in shares]


def _circle() -> Iterator[Point]:
    return ((math.cos(math.tau * step / 60), math.sin(math.tau * step / 60)) for step in range(60))


def _turned(centre: Point, point: Point, angle: float) -> Point:
    x, y = point
    return (
        centre[0] + x * math.cos(angle) - y * math.sin(angle),
        centre[1] + x * math.sin(angle) + y * math.cos(angle),
    )

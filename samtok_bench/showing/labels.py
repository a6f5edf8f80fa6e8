"""Labels of points in a plot that cover neither each other nor the points."""

from collections.abc import Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

Colour = tuple[float, float, float]

NEAR, FAR = 5, 40
"""Points from the marker's middle to the label's edge, and how far a label may go before it is left out."""
MARK = 3.5
"""Half a marker's side, in points."""
GAP = 1.0
"""Between labels, in points."""


def place_labels(
    axes: Axes,
    places: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colours: Sequence[Colour],
    size: float,
) -> list[Bbox]:
    """Write a text beside each place; one without a free spot goes farther away, and a line leads to it.

    Afterwards the figure must not be laid out again.

    Args:
        axes: of a figure with its final layout.
        places: in data coordinates, all of them obstacles.
        texts: one a place.
        colours: theirs; a white rim keeps them apart from lines.
        size: of the font, points.

    Returns:
        what the texts cover, in pixels of the figure.
    """
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    unit = figure.dpi / 72
    centres = [(float(x), float(y)) for x, y in axes.transData.transform(places)]
    half = MARK * unit
    marks = [Bbox.from_extents(x - half, y - half, x + half, y + half) for x, y in centres]
    inside = axes.get_window_extent(renderer)
    taken: list[Bbox] = []
    # the crowded ones first: they have the least choice
    order = sorted(range(len(texts)), key=lambda k: -_neighbours(centres, k, 40 * unit))
    for k in order:
        probe = axes.text(0, 0, texts[k], fontsize=size)
        extent = probe.get_window_extent(renderer)
        probe.remove()
        found = _free_spot(centres[k], (extent.width, extent.height), unit, inside, [*taken, *marks])
        if found is None:
            continue  # the table has it
        spot, box = found
        away = max(map(abs, spot)) > 2 * NEAR
        axes.annotate(
            texts[k],
            places[k],
            spot,
            textcoords="offset points",
            fontsize=size,
            color=colours[k],
            path_effects=[withStroke(linewidth=2, foreground="white")],
            ha=("center", "left", "right")[_sign(spot[0])],
            va=("center", "bottom", "top")[_sign(spot[1])],
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "0.5", "shrinkA": 0} if away else None,
        )
        taken.append(box)
    return taken


_DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8), (-0.8, -0.8))


def _free_spot(
    centre: tuple[float, float],
    size: tuple[float, float],
    unit: float,
    inside: Bbox,
    obstacles: Sequence[Bbox],
) -> tuple[tuple[float, float], Bbox] | None:
    """The nearest spot for a text of a size (pixels): its offset in points, and what it covers."""
    (x, y), (width, height) = centre, size
    for distance, (dx, dy) in product(range(NEAR, FAR, NEAR), _DIRECTIONS):
        left = x + dx * distance * unit - width * (1 - _sign(dx)) / 2
        bottom = y + dy * distance * unit - height * (1 - _sign(dy)) / 2
        box = Bbox.from_bounds(left, bottom, width, height)
        within = inside.x0 <= left and left + width <= inside.x1
        within = within and inside.y0 <= bottom and bottom + height <= inside.y1
        if within and not any(map(box.padded(GAP * unit).overlaps, obstacles)):
            return (dx * distance, dy * distance), box
    return None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _neighbours(centres: Sequence[tuple[float, float]], which: int, radius: float) -> int:
    x, y = centres[which]
    return sum(max(abs(a - x), abs(b - y)) < radius for a, b in centres)

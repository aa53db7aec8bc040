"""Colours, markers and the way from a matplotlib figure to an inline SVG that follows the page's theme.

Figures are drawn in the light theme's colours. In the SVG each of these becomes a CSS variable of the
page, so one drawing serves light, dark and print; the PNGs keep the light colours.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from harness.frameworks import registry
from harness.report import bare

# Whatever draws imports this module first: after `bare` has been here the user's settings are past.
with bare.surroundings():
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

# seaborn's import has matplotlib's windows in tow; this backend has none.
mpl.use("agg")

Drawing = Callable[[], Figure]

PAPER: Final = "#fefefe"
INK: Final = "#1c2128"
MUTED: Final = "#59636e"
LINE: Final = "#d5dae1"
BAND: Final = "#eceff3"

# Start-up's parts, from light to dark, of no framework's colour.
PARTS: Final = ("#b9d8d2", "#7fb8ae", "#438f84", "#1d5f57")

# Paper around what is drawn.
_PAD_INCHES: Final = 0.05

_VARIABLES: Final = {
    PAPER: "--paper",
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    BAND: "--band",
    **{colour: f"--part-{number}" for number, colour in enumerate(PARTS)},
    **{one.look.colour: f"--of-{one.name}" for one in registry.records(absent=True)},
}

# Any: matplotlib's stubs want its few hundred key names as literals.
_RC: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}


def colour(framework: str) -> str:
    return registry.look(framework).colour


def marker(framework: str) -> str:
    return registry.look(framework).marker


def hatch(framework: str) -> str:
    return registry.look(framework).hatch


def dashes(framework: str) -> tuple[int, ...] | str:
    """As seaborn takes them: an unbroken line is an empty text."""
    return registry.look(framework).dashes or ""


@contextmanager
def theme() -> Iterator[None]:
    """The house style, for figures drawn and saved inside; nothing leaks into matplotlib's globals.

    On matplotlib's defaults: the program that has us draw may have settings of its own.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def laid_out(figure: Figure) -> Bbox:
    """The box, in inches, that holds all of a figure, whose layout is final from here on.

    Finding it takes as long as drawing; asked for it, `savefig` would look anew for each format.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure.get_tightbbox().padded(_PAD_INCHES)


def inline_svg(figure: Figure, box: Bbox, name: str, title: str, description: str) -> str:
    """What lies in the box (`laid_out`) as an `<svg>` for an HTML page: themed, described, its ids its own.

    `title` and `description` are escaped here; everything else comes from matplotlib, which escapes
    what it writes.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", bbox_inches=box)
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<style[^>]*>.*?</style>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\bid="', f'id="{name}-', drawn)
    drawn = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", drawn)
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(colour, f"var({variable})")
    head, body = drawn.split(">", 1)
    (view_box,) = re.findall(r'viewBox="[^"]*"', head)
    return (
        f'<svg {view_box} role="img" aria-labelledby="{name}-title {name}-description">'
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-description">{html.escape(description)}</desc>{body}'
    )

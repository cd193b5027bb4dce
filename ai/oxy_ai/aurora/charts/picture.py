"""Drawings as pictures: rendered by resvg with a font of our own, so that they look the same on any machine."""

from functools import cache
from importlib.resources import files
from typing import Final

from oxy_ai.aurora.charts.canvas import FONT

_PACKAGE: Final = "fontpkg_inter"
_FILE: Final = "files/Inter[opsz,wght].ttf"


def rendered(svg: str) -> bytes:
    """Return a drawing as PNG.

    Takes some 40 ms, in which resvg holds the interpreter's lock: a thread would win nothing, and a process of its own
    costs more than the few charts of an owner.
    """
    import resvg_py  # noqa: PLC0415 3 MB that a worker without an owner who asks for a chart does not need

    return resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=[_font_file()], font_family=FONT)


@cache
def _font_file() -> str:
    return str(files(_PACKAGE).joinpath(_FILE))

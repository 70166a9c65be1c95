"""Icons: those of the Bootstrap set that pages name, cut out of the package's sheet and put into the page itself."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import flask_bootstrap
from markupsafe import Markup

_SHEET = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "icons" / "bootstrap-icons.svg"
_SYMBOL = re.compile(
    r'<symbol\b[^>]*\bviewBox="(?P<box>[^"]+)"[^>]*\bid="(?P<id>[^"]+)"[^>]*>(?P<paths>.*?)</symbol>', re.DOTALL
)


@functools.cache
def icon(name: str) -> Markup:
    """Return the icon as SVG of the text's size and colour, silent for screen readers: the word beside it speaks.

    Raises KeyError for a name that Bootstrap's icons do not have.
    """
    box, paths = _sheet()[name]
    return Markup(  # noqa: S704 - the package's own drawing
        f'<svg class="icon" width="1em" height="1em" fill="currentColor" viewBox="{box}" aria-hidden="true"'
        f' focusable="false">{paths}</svg>'
    )


@functools.cache
def _sheet() -> dict[str, tuple[str, str]]:
    text = _SHEET.read_text(encoding="utf-8")
    return {found["id"]: (found["box"], found["paths"].strip()) for found in _SYMBOL.finditer(text)}

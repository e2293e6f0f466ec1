"""Data for the scripts of the page: JSON with as many digits as a reader needs, safe inside a script element."""

import json
import math
from typing import Any

from markupsafe import Markup

DIGITS = 4


def compact(value: Any, digits: int = DIGITS) -> Any:
    """Return a value in JSON's types; what is no number, and what is blank, as None."""
    if isinstance(value, dict):
        return {key: compact(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [compact(item, digits) for item in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return compact(value.tolist(), digits)
    if isinstance(value, float):
        return None if not math.isfinite(value) else _rounded(value, digits)
    return None if value == "" else value


def _rounded(value: float, digits: int) -> float | int:
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def compact_json(value: Any, digits: int = DIGITS) -> Markup:
    """Return a value as JSON that cannot end its script element; numbers have so many significant digits."""
    text = json.dumps(compact(value, digits), separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c"))

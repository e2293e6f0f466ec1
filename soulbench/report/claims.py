"""The paper's claims on the page: verdicts, parts with a small forest plot, and links into the views that show them."""

import re
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import natural_order
from soulbench.analysis.claims.parts import BY_CONSTRUCTION, CONTRADICTED, SUPPORTED, UNDECIDED
from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS

SYMBOLS = {SUPPORTED: "✓", CONTRADICTED: "✗", UNDECIDED: "?", BY_CONSTRUCTION: "="}
#: Half the width of a forest plot, and what its marks take at most of it.
MIDDLE, REACH = 100.0, 92.0


def claims(config: dict[str, Any], paths: ResultPaths) -> list[dict[str, Any]]:
    """Return the claims in order, each with its parts and the symbol of its verdict."""
    table = pd.concat([read_csv(paths.table(name)) for name in ("claims", "timing_claims")])
    parts = pd.concat([read_csv(paths.table(name)) for name in ("claim_parts", "timing_claim_parts")])
    in_order = table.sort_values("claim", key=lambda ids: ids.map(natural_order), kind="stable")
    rows: list[dict[Any, Any]] = in_order.to_dict("records")
    methods = runs.methods(config)
    return [
        {
            **row,
            "symbol": SYMBOLS[row["verdict"]],
            "tone": row["verdict"].replace(" ", "-"),
            "parts": [_part(part, methods) for part in _of(parts, row)],
        }
        for row in rows
    ]


def _of(parts: pd.DataFrame, claim: dict[Any, Any]) -> list[dict[Any, Any]]:
    """Return the rows of a claim's parts at its operating point."""
    same = parts[["claim", "operating_point"]] == [claim["claim"], claim["operating_point"]]
    rows: list[dict[Any, Any]] = parts[same.all(axis=1)].to_dict("records")
    return rows


def _part(part: dict[Any, Any], methods: list[str]) -> dict[Any, Any]:
    return {**part, "forest": forest(part), "links": links(str(part["part"]), methods)}


def forest(part: dict[Any, Any]) -> dict[str, float | None] | None:
    """Return where effect and ends stand beside the threshold, which is in the middle; None without both numbers."""
    effect, threshold = part["effect"], part["threshold"]
    if not np.isfinite([effect, threshold]).all():
        return None
    ends = [part["ci_low"], part["ci_high"]]
    known = [effect, *(ends if np.isfinite(ends).all() else [])]
    reach = max(abs(value - threshold) for value in known) or 1.0
    effect, *places = (round(MIDDLE + REACH * (value - threshold) / reach, 1) for value in known)
    low, high = places or (None, None)
    return {"effect": effect, "low": low, "high": high}


def links(words: str, methods: list[str]) -> list[dict[str, str]]:
    """Return links into the views for the methods, and the task, that the words of a part name."""
    named = [name for name in methods if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", words)]
    task = {"task": TASKS[1]} if TASKS[1] in words and TASKS[0] not in words else {}
    if len(named) == 2:
        a, b = sorted(named, key=words.index)
        return [{"text": f"{a} and {b}", "href": f"#compare?{urlencode({'a': a, 'b': b, **task})}"}]
    return [{"text": name, "href": f"#explore?{urlencode({'method': name, **task})}"} for name in named]

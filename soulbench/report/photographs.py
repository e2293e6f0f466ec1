"""The data section of the page: what the filters kept, and the selected images."""

import base64
import io
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from soulbench.core.records import read_json
from soulbench.core.tables import read_csv
from soulbench.core.terms import ELSEWHERE, TEST
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.splits import SPLITS

SHOWN = 48  # images
LISTED = 5  # items of a list: one such as that of broken photographs may have thousands


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as a data URI, which needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def contact_sheet(data_dir: Path) -> list[dict[str, Any]]:
    """Return images of the subset, then held-out ones, target images first, with the boxes of their targets."""
    scenes = PackedScenes.open(data_dir / "packed")
    requests, images = read_csv(data_dir / "requests.csv"), read_csv(data_dir / "subset.csv")
    requests = requests[(requests["role"] != ELSEWHERE) & (requests["set"] == TEST)]
    images = images.assign(requested=images["image_id"].isin(requests["image_id"]))
    images = images.sort_values(["role", "requested"], ascending=[False, False], kind="stable")[:SHOWN]
    return [
        {
            "uri": _png(scenes.scene(scenes.find(row["image_id"])).pixels),
            "role": str(row["role"]).replace("_", " "),
            "image": row["image_id"],
            "boxes": _boxes(requests[requests["image_id"] == row["image_id"]]),
        }
        for row in images.to_dict("records")
    ]


def _png(pixels: Any) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return data_uri(stream.getvalue(), "image/png")


def _boxes(requests: pd.DataFrame) -> list[dict[str, Any]]:
    """Return boxes in per cent of the image's sides, for the page's style."""
    return [
        {
            "name": f"{row['request']}: {row['category']}",
            "left": 100 * row["x0"],
            "top": 100 * row["y0"],
            "width": 100 * (row["x1"] - row["x0"]),
            "height": 100 * (row["y1"] - row["y0"]),
        }
        for row in requests.to_dict("records")
    ]


def counts(data_dir: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return summary.json as sections of (name, value) pairs; the names of nested keys are joined."""
    sections = []
    for name, part in read_json(data_dir / "summary.json").items():
        rows = _flat(part)
        if rows:
            sections.append((name.replace("_", " "), rows))
    return sections


def _flat(part: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(part, dict):
        if part and name and set(part) <= set(SPLITS):
            return [(name, ", ".join(f"{split} {part[split]}" for split in SPLITS if split in part))]
        return [
            row
            for key, value in part.items()
            for row in _flat(value, f"{name} · {key}" if name else str(key))
        ]
    if isinstance(part, list):
        more = f" and {len(part) - LISTED} more" if len(part) > LISTED else ""
        return [(name, ", ".join(map(str, part[:LISTED])) + more or "none")]
    return [(name, str(part))]

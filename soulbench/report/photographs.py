"""The data part of the page: what the filters kept, and the chosen photographs."""

import base64
import io
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from soulbench.analysis.gather import read_csv
from soulbench.core.records import read_json
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.splits import SPLITS

SHOWN = 48  # photographs
NAMED = 5  # of a list, such as that of broken photographs, which may be thousands


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as a URI that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def contact_sheet(data_dir: Path) -> list[dict[str, Any]]:
    """Return the subset's and held-out photographs, requested ones first, with the requests' boxes."""
    if not (data_dir / "packed" / "packed.json").is_file():
        return []
    scenes = PackedScenes.open(data_dir / "packed")
    requests, chosen = read_csv(data_dir / "requests.csv"), read_csv(data_dir / "subset.csv")
    chosen = chosen.assign(asked=chosen["image_id"].isin(requests["image_id"]))
    chosen = chosen.sort_values(["role", "asked"], ascending=[False, False], kind="stable")[:SHOWN]
    return [
        {
            "uri": _png(scenes.scene(scenes.find(row["image_id"])).pixels),
            "role": str(row["role"]).replace("_", " "),
            "image": row["image_id"],
            "boxes": _boxes(requests[requests["image_id"] == row["image_id"]]),
        }
        for row in chosen.to_dict("records")
    ]


def _png(pixels: Any) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return data_uri(stream.getvalue(), "image/png")


def _boxes(requests: pd.DataFrame) -> list[dict[str, Any]]:
    """Return boxes in per cent of the picture, as the page's style wants them."""
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
    """Return summary.json as sections of name and value, nested names joined."""
    path = data_dir / "summary.json"
    if not path.is_file():
        return []
    sections = []
    for name, part in read_json(path).items():
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
        more = f" and {len(part) - NAMED} more" if len(part) > NAMED else ""
        return [(name, ", ".join(map(str, part[:NAMED])) + more or "none")]
    return [(name, str(part))]

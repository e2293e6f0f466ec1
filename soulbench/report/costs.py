"""What the view Cost shows: seconds of each method, and when one retraining for all would have been cheaper."""

from typing import Any

from soulbench.analysis import methods
from soulbench.analysis.costs import retraining
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv


def cost_view(config: dict[str, Any], paths: ResultPaths) -> dict[str, Any]:
    """Return the costs of the methods that serve requests one by one, and those of the original model."""
    table = read_csv(paths.table("timing"))
    by_method: dict[Any, Any] = table.set_index("method").to_dict("index")
    serving = table.loc[table["break_even"].notna(), "method"]
    return {
        "retrain": float(retraining(read_csv(paths.table("timing_jobs"))).median()),
        "original": by_method["original"]["seconds"],
        "device": config["device"],
        "methods": [_row(config, name, by_method[name]) for name in methods.ordered(config, serving)],
    }


def _row(config: dict[str, Any], name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "level": methods.shown_group(config, name).replace(" ", "-"),
        "seconds": [row["seconds"], row["seconds_least"], row["seconds_most"]],
        "jobs": row["n"],
        "shareable": row["shareable"],
        "ratio": row["ratio_to_retrain"],
        "break_even": row["break_even"],
        "break_even_shared": row["break_even_shared"],
    }

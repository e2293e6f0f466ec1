"""The paper's Fig. 11: the strength alpha of Obj-IF, as pictures of the target's image and as curves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures

CURVES = {
    "target_error": "error of the target; more = forgotten →",
    "A2": "change of its image's other objects; less = better",
}
TASK_COLOURS = {"reconstruction": "#0072B2", "synthesis": "#D55E00"}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/ablation_alpha.csv and the pictures beside the ablation's records."""
    results_dir = Path(results_dir)
    table = read_csv(results_dir / "tables" / "ablation_alpha.csv")
    summary = read_csv(results_dir / "tables" / "summary.csv")
    alphas = sorted(table["alpha"].unique())
    columns, grid, request = _pictures(config, results_dir, alphas)
    width, height = gallery.size(columns, len(TASKS), 1.2)
    with style.figure(max(width, 9.5), height + 4.2, out_stem) as made:
        parts: Any = made.subfigures(2, 1, height_ratios=[height, 4.2])
        top, bottom = parts
        gallery.show(top, grid, columns, list(TASKS), [TASK_COLOURS[task] for task in TASKS])
        for axes, (dimension, words) in zip(bottom.subplots(1, 2), CURVES.items(), strict=True):
            _curves(axes, table, dimension)
            _references(axes, summary, dimension)
            axes.set_title(words, loc="left", fontsize=10)
            axes.set_xlabel("alpha (the influence's multiple)")
            axes.set_ylabel("MAE, grey levels")
        handles, labels = axes.get_legend_handles_labels()
        bottom.legend(handles, labels, loc="outside lower center", ncols=4)
    log(f"{len(alphas)} values of alpha, pictures of {request}")


def _pictures(
    config: dict[str, Any], results_dir: Path, alphas: list[float]
) -> tuple[list[Column], list, str]:
    pictures = Pictures(config, results_dir)
    request = str(pictures.requests.index[0])
    image, box, category = pictures.target(request)
    original = pictures.outputs("original", request)
    drawn = pictures.ablation("alpha", request)
    block = f"The target's image by alpha ({request}: {category})"
    columns = [Column(block, "truth", box), Column(block, "original", box)]
    columns += [Column(block, f"alpha {value:g}", box) for value in alphas]
    grid = [
        [
            pictures.truth(image),
            original[task][image] if original else None,
            *(_first(drawn, f"{value:g}", task) for value in alphas),
        ]
        for task in TASKS
    ]
    return columns, grid, request


def _first(drawn: dict[tuple[str, str], Any], key: str, task: str) -> Any:
    found = drawn.get((key, task))
    return None if found is None else found[0]


def _curves(axes: Axes, table: pd.DataFrame, dimension: str) -> None:
    """Draw a thin line a request and seed and a thick one for their mean."""
    kept = table[(table["dimension"] == dimension) & (table["metric"] == PRIMARY)]
    for task, colour in TASK_COLOURS.items():
        own = kept[kept["task"] == task]
        for _, line in own.groupby(["request", "seed"]):
            axes.plot(line["alpha"], line["value"], color=colour, linewidth=0.8, alpha=0.5)
        mean = own.groupby("alpha")["value"].mean()
        axes.plot(mean.index, mean, "o-", color=colour, linewidth=2, label=task)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(axis="both")


def _references(axes: Axes, summary: pd.DataFrame, dimension: str) -> None:
    """Draw the retrained model's level of the first task, where there is one."""
    kept = (summary["method"] == "retrain") & (summary["task"] == TASKS[0])
    kept &= (summary["dimension"] == dimension) & (summary["metric"] == PRIMARY)
    for value in summary.loc[kept, "mean"][:1]:
        line: dict[str, Any] = {"color": style.RETRAIN_COLOUR, "linewidth": 1.2, "linestyle": (0, (4, 2))}
        axes.axhline(value, label=f"retrained model ({TASKS[0]})", **line)

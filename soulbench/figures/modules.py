"""The paper's Fig. 12: which module Obj-IF redacts, as pictures with their numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/ablation_modules.csv and the pictures beside the ablation's records."""
    results_dir = Path(results_dir)
    table = read_csv(results_dir / "tables" / "ablation_modules.csv")
    modules = list(dict.fromkeys(table["module"]))
    pictures = Pictures(config, results_dir)
    request = str(pictures.requests.index[0])
    _, box, category = pictures.target(request)
    drawn = pictures.ablation("modules", request)
    count = max((len(found) for found in drawn.values()), default=1)
    columns = [
        Column(
            f"{task.capitalize()} ({request}: {category})",
            f"S{place}" + (": the target" * (place == 1)),
            _at(place, box),
        )
        for task in TASKS
        for place in range(1, count + 1)
    ]
    grid = [_row(drawn, module, count) for module in modules]
    width, height = gallery.size(columns, len(modules))
    with style.figure(width + 2.4, height, out_stem) as made:
        rows = [name.replace("_", " ") for name in modules]
        axes = gallery.show(made, grid, columns, rows, ["#000000"] * len(rows))
        _numbers(axes, table, modules)
    log(f"{len(modules)} modules, pictures of {request}")


def _at(place: int, box: tuple[float, ...]) -> tuple[float, ...] | None:
    return box if place == 1 else None


def _row(drawn: dict[tuple[str, str], Any], module: str, count: int) -> list:
    return [
        None if (found := drawn.get((module, task))) is None or place >= len(found) else found[place]
        for task in TASKS
        for place in range(count)
    ]


def _numbers(axes: Any, table: Any, modules: list[str]) -> None:
    """Write beside each row the target's error and the other objects' change, mean over requests."""
    low, high = sorted(axes.get_ylim())
    step = (high - low + gallery.GAP) / len(modules)
    edge = max(axes.get_xlim()) + 2 * gallery.GAP
    found: dict[str, Any] = {
        name: gallery.means_by(table, "module", name, PRIMARY) for name in ("target_error", "A2")
    }
    axes.text(edge, -gallery.GAP, "MAE, grey levels\n(recon. / synth.)", va="bottom", fontsize=8.5)
    for place, module in enumerate(modules):
        lines = [
            f"{word} {found[name].loc[module, TASKS[0]]:.1f} / {found[name].loc[module, TASKS[1]]:.1f}"
            for word, name in (("target", "target_error"), ("others", "A2"))
        ]
        axes.text(edge, step * (place + 0.45), "\n".join(lines), va="center", fontsize=9.5)

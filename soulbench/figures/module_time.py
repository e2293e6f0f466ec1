"""The paper's Fig. 10: what redacting each module costs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from soulbench.analysis.gather import read_csv
from soulbench.figures import style


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/ablation_modules.csv."""
    table = read_csv(Path(results_dir) / "tables" / "ablation_modules.csv")
    jobs = table.drop_duplicates(["request", "seed", "module"])
    modules = list(dict.fromkeys(table["module"]))
    with style.figure(9, 1.5 + 0.45 * len(modules), out_stem) as made:
        axes = made.subplots()
        for place, module in enumerate(modules):
            own = jobs[jobs["module"] == module]
            axes.barh(place, own["seconds"].median(), color="#BFD7EA", height=0.6)
            axes.plot(
                own["seconds"], [place] * len(own), "o", color=style.LEVEL_COLOURS["object"], markersize=5
            )
            words = f"{int(own['parameters'].iloc[0]):,} values, residual {own['residual'].median():.1e}"
            axes.annotate(words, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=9)
        axes.set_yticks(range(len(modules)), [name.replace("_", " ") for name in modules])
        axes.set_ylim(len(modules) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_xlabel(
            f"seconds of one redaction ({config['device']}); ← better; bar: median, dots: {_count(jobs)}"
        )
    log(f"{len(modules)} modules")


def _count(jobs: Any) -> str:
    requests, seeds = jobs["request"].nunique(), jobs["seed"].nunique()
    return f"{requests} request{'s' * (requests > 1)} x {seeds} seed{'s' * (seeds > 1)}"

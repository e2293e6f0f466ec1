"""Figures, one file each, found by file name as methods are: a new figure is one new file here.

A figure's file defines

- `TITLE`: its heading on the page.
- `SUBCATEGORY`: the heading that it has in Snakemake's report.
- `POSITION`: a number; the page shows figures in this order.
- `CONFIG`: the keys of the configuration that `plot` reads. `plot` gets no others.
- `CAPTION`: one to four sentences of reStructuredText, a Jinja2 template. It gets the whole `config`, `counted` as
  below, and phrases: `seeds` ("2 training seeds"), `percent` ("95 %", of intervals), `axes` (what intervals are
  over), `ablated` ("2 requests and 1 training seed").
- `inputs(config, paths)`: every file that `plot` reads.
- `plot(config, paths, out_stem, log)`: writes `out_stem` with `.png` and `.svg`.
- `applies(config)`, optional: whether a benchmark has this figure.

A file whose name begins with an underscore is no figure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined

from soulbench.analysis.methods import BEYOND, ORACLE
from soulbench.config import runs
from soulbench.config.metrics import metric as described_metric
from soulbench.core import registry
from soulbench.core.errors import UserError
from soulbench.core.plugins import Plugins
from soulbench.core.terms import UNITS

INTERFACE = ("TITLE", "SUBCATEGORY", "POSITION", "CONFIG", "CAPTION", "inputs", "plot")
# Of levels, and, whatever their level, of methods beyond the paper and of references that are not allowed. Okabe and
# Ito's palette, and a violet and a red darker than theirs: distinct in every kind of colour vision, on white and in
# grey. The page uses it, too.
LEVEL_COLOURS = {
    "reference": "#555555",
    "sample": "#C27400",
    "feature": "#009E73",
    "object": "#0072B2",
    BEYOND: "#8A3FA0",
    ORACLE: "#7D1128",
}


@dataclass(frozen=True)
class Figure:
    """A figure as its file declares it.

    Attributes:
        name: of its file, of its image and of its rule.
        module: its file, as `soulbench.core.sources.source_hash` takes it.
        plugins: the entry of the configuration's `plugins` that it comes from, if it does.
        title: its heading on the page.
        subcategory: its heading in Snakemake's report.
        position: rank on the page.
        config_keys: what `plot` reads of the configuration.
        caption_template: reStructuredText as a Jinja2 template.
        inputs: `inputs(config, paths)`, the files that it reads.
        plot: `plot(config, paths, out_stem, log)`, which writes the images.
        applies: `applies(config)`, whether a benchmark has this figure.
    """

    name: str
    module: str
    plugins: tuple[str, ...]
    title: str
    subcategory: str
    position: float
    config_keys: tuple[str, ...]
    caption_template: str
    inputs: Callable[..., list[str]]
    plot: Callable[..., None]
    applies: Callable[[Mapping[str, Any]], bool]

    def caption(self, config: Mapping[str, Any]) -> str:
        """Return the caption as reStructuredText."""
        ablations = config["ablations"]
        ablated = (
            counted(ablations["requests"], "request") + " and " + counted(ablations["seeds"], "training seed")
        )
        template = Environment(undefined=StrictUndefined, autoescape=False).from_string(self.caption_template)
        return template.render(
            config=config,
            counted=counted,
            seeds=counted(len(config["seeds"]), "training seed"),
            percent=f"{100 * config['analysis']['confidence']:.0f} %",
            ablated=ablated,
            axes=axes_of_intervals(config),
        )


def get(name: str, plugins: Plugins = ()) -> Figure:
    """Return a figure by name; `plugins` are those of the configuration.

    Raises:
        UserError: there is no such figure (names the nearest), or its file lacks a part of the interface.
    """
    source = registry.source("figures", name.replace("_", "-"), plugins)
    module = source.load()
    missing = [part for part in INTERFACE if not hasattr(module, part)]
    if missing:
        raise UserError(f"{module.__file__}: a figure's file must define {', '.join(missing)}")
    return Figure(
        name=name,
        module=source.entry,
        plugins=() if source.plugin is None else (source.plugin,),
        title=module.TITLE,
        subcategory=module.SUBCATEGORY,
        position=module.POSITION,
        config_keys=tuple(module.CONFIG),
        caption_template=module.CAPTION,
        inputs=module.inputs,
        plot=module.plot,
        applies=getattr(module, "applies", lambda config: True),
    )


def planned(config: Mapping[str, Any]) -> list[Figure]:
    """Return the figures that a configured benchmark has, in the order of the page."""
    plugins = runs.plugins(config)
    figures = [get(name.replace("-", "_"), plugins) for name in registry.ids("figures", plugins)]
    return sorted(
        (figure for figure in figures if figure.applies(config)),
        key=lambda figure: (figure.position, figure.name),
    )


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 request` or `2 requests`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def axes_of_intervals(config: Mapping[str, Any]) -> str:
    """Return what the intervals are over: two seeds are too few to speak of all."""
    # Imported here: SciPy's statistics take a second, and planning a run reads this file.
    from soulbench.analysis.bootstrap import FEWEST_COLUMNS

    seeds = len(config["seeds"])
    if seeds >= FEWEST_COLUMNS:
        return "requests and seeds"
    return f"requests, for {'this seed' if seeds == 1 else f'these {seeds} seeds'}"


def metric_name(config: Mapping[str, Any], metric: str) -> str:
    """Return what axes and the page call a metric of image regions."""
    names = {"ssim": "SSIM", "mae": f"MAE, {UNITS['mae']}", "changed": "share of changed values"}
    if metric in names:
        return names[metric]
    return lpips_name(config) if metric == "lpips" else described_metric(config, metric).name


def lpips_name(config: Mapping[str, Any]) -> str:
    """Return LPIPS with its backbone, which is called untrained if it is: such values mean less."""
    settings = config["evaluation"]["lpips"]
    if settings["weights"] == "seeded":
        return f"LPIPS (untrained {settings['net']})"
    weights = "ImageNet" if settings["weights"] == "imagenet" else "own weights"
    return f"LPIPS ({settings['net']}, {weights})"

"""A film strip: what the original model drew while it learned, and each method while it unlearned."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soulbench.analysis import methods as roster
from soulbench.config import runs
from soulbench.core.errors import UserError
from soulbench.core.terms import ALL_REQUESTS, TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures
from soulbench.figures.training import STAGES

LEARNING = 9  # columns of the original model's strip, beside the truth
UNLEARNING = 5  # of a method's strip, each task
IMAGES = 3
TITLE = 0.35  # inches


class Film(NamedTuple):
    """What a model drew of a few images while it was trained.

    Attributes:
        stages, steps: of each of k moments; step 0 is before the stage's first.
        image_ids: of n images; an unlearned model's first is its target's.
        truth: uint8 [n, H, W, 3]
        drawn: uint8 [k, n, H, W, 3] by task.
    """

    stages: list[str]
    steps: list[int]
    image_ids: list[int]
    truth: np.ndarray
    drawn: dict[str, np.ndarray]

    def picture(self, task: str, moment: int, image_id: int) -> np.ndarray | None:
        """Return what was drawn, None if the image was not."""
        if image_id not in self.image_ids:
            return None
        return self.drawn[task][moment][self.image_ids.index(image_id)]


class Strip(NamedTuple):
    """A mosaic with its title; arguments of `gallery.show`."""

    title: str
    grid: list[list[np.ndarray | None]]
    columns: list[Column]
    rows: list[str]
    colours: list[str]


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from the films that lie beside the first seed's checkpoints."""
    pictures = Pictures(config, results_dir)
    strips = [_learning(config, pictures.results_dir), _unlearning(config, pictures)]
    strips = [strip for strip in strips if strip.rows]
    sizes = [gallery.size(strip.columns, len(strip.rows)) for strip in strips]
    heights = [height + TITLE for _, height in sizes]
    width = max(width for width, _ in sizes)
    with style.figure(width, sum(heights), out_stem) as made:
        parts = made.subfigures(len(strips), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, strip in zip(parts, strips, strict=True):
            part.suptitle(strip.title, x=0.01, ha="left", fontsize=1.15 * width, weight="bold")
            gallery.show(part, strip.grid, strip.columns, strip.rows, strip.colours)
    log("; ".join(f"{strip.title}: {len(strip.rows)} rows of {len(strip.columns)}" for strip in strips))


def read(path: Path) -> Film:
    """Read a film.

    Raises:
        UserError: the file is absent or no film.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            stages, steps, images = (stored[name].tolist() for name in ("stages", "steps", "image_ids"))
            return Film(stages, steps, images, stored["truth"], {task: stored[task] for task in TASKS})
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such film; run the rule that writes it") from None
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: no film ({error}); delete it and run its rule again") from None


def _learning(config: dict[str, Any], results_dir: Path) -> Strip:
    """Return the original model's strip: moments of both stages, a few images, both tasks."""
    seed = config["seeds"][0]
    films = {
        stage: read(results_dir / "models" / folder / f"seed{seed}.snapshots.npz")
        for stage, folder in STAGES.items()
    }
    # Pre-training is not repeated when the subset changes, so its film may be of other images.
    last = films["fine-tuning"]
    moments = _moments(films)
    rows = [(place, image, task) for place, image in enumerate(last.image_ids[:IMAGES]) for task in TASKS]
    return Strip(
        f"The original model learns (training seed {seed})",
        [
            [*(films[stage].picture(task, moment, image) for stage, moment in moments), last.truth[place]]
            for place, image, task in rows
        ],
        [
            *(Column(stage.capitalize(), f"step {films[stage].steps[moment]}") for stage, moment in moments),
            Column("", "truth"),
        ],
        [f"image {image},\n{task}" for _, image, task in rows],
        ["#000000"] * len(rows),
    )


def _moments(films: dict[str, Film]) -> list[tuple[str, int]]:
    """Return stages and moments to show, `LEARNING` at most: each stage has half, or what the other leaves."""
    # Before a later stage's first step the model is what the stage before it ended with.
    own = {
        stage: [moment for moment, step in enumerate(film.steps) if step or not place]
        for place, (stage, film) in enumerate(films.items())
    }
    before, after = (len(moments) for moments in own.values())
    share = max(LEARNING // 2, LEARNING - after)
    counts = (min(before, share), LEARNING - min(before, share))
    return [
        (stage, moment)
        for (stage, moments), count in zip(own.items(), counts, strict=True)
        for moment in picked(moments, count)
    ]


def picked(moments: Sequence[int], count: int) -> list[int]:
    """Return so many moments, first and last among them, evenly spaced by their number; all if they are fewer."""
    if len(moments) <= count:
        return list(moments)
    return [moments[round(place)] for place in np.linspace(0, len(moments) - 1, count)]


def _unlearning(config: dict[str, Any], pictures: Pictures) -> Strip:
    """Return the strips of all methods that fine-tune, one below another, for the request that is shown first."""
    request = pictures.shown()
    image, box, category = pictures.target(request)
    films = _films(config, pictures.results_dir, request, image)
    steps = picked(next(iter(films.values())).steps, UNLEARNING) if films else []
    shown = [(task, step) for task in TASKS for step in steps]
    return Strip(
        f"The methods unlearn {request}: {category} (image {image})",
        [
            [*(_at(film, task, step, image) for task, step in shown), pictures.truth(image)]
            for film in films.values()
        ],
        [*(Column(task.capitalize(), f"step {step}", box) for task, step in shown), Column("", "truth", box)],
        list(films),
        gallery.row_colours(config, list(films)),
    )


def _films(config: dict[str, Any], results_dir: Path, request: str, image: int) -> dict[str, Film]:
    """Return the films that show a request's target, by method."""
    films = {}
    for name in roster.ordered(config, runs.methods(config)):
        if roster.family(config, name) == "finetune" and request in runs.requests_of(config, name):
            owner = request if runs.method(config, name).per_request else ALL_REQUESTS
            seed = f"seed{config['seeds'][0]}"
            film = read(results_dir / "unlearned" / name / owner / seed / "model.snapshots.npz")
            # A model that serves every request may have been watched drawing another's image.
            if image in film.image_ids:
                films[name] = film
    return films


def _at(film: Film, task: str, step: int, image: int) -> np.ndarray | None:
    return film.picture(task, film.steps.index(step), image) if step in film.steps else None

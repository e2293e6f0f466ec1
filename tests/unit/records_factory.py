"""A benchmark's results, drawn from planted effects instead of trained.

What analysis, figures and page are tested on.

Grey levels throughout. Every method has a share of the way from the original's error on the target (18) to
the retrained model's (38), and what it changes in the rest; requests and seeds add noise that all methods
share.
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from soulbench.core.records import write_json
from soulbench.core.terms import ALL_REQUESTS

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("reconstruction", "synthesis")
ORIGINAL, RETRAINED = 18.0, 38.0
CATEGORIES = ("man", "woman", "boy", "girl", "lady", "child", "person", "face")


@dataclass(frozen=True)
class Plant:
    """What a method does: share of the way to retraining by task, changes, collapse, cost."""

    share: tuple[float, float]
    same_image: float = 3.0
    category: float = 5.0
    elsewhere: float = 5.0
    utility: float = 13.0
    collapsed: tuple[bool, bool] = (False, False)
    latent: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seconds: float = 26.0
    query: float = 0.0


# As the paper has it: every claim about records should come out supported.
PAPER: dict[str, Plant] = {
    "original": Plant((0, 0), 0.4, 0.4, 0.4, 12.0, seconds=400.0),
    "noop-ft": Plant((-0.1, -0.1)),
    "retrain": Plant((1, 1), 7.0, 9.0, 9.0, 13.0, latent=(3, 3, 3), seconds=780.0),
    "retrain-sample": Plant((1.1, 1.1), 17.0, 9.0, 9.0, 13.0, latent=(3, 3, 3), seconds=780.0),
    "reseed": Plant((0, 0), 7.5, 9.5, 9.5, 12.0),
    "sample-ft": Plant((0.9, 0.9), 20.0, 6.0, 6.0, 13.0),
    "sample-ng": Plant((3.0, 3.0), 60.0, 30.0, 30.0, 45.0, (False, True)),
    "feat-ng": Plant((4.0, 4.0), 60.0, 90.0, 60.0, 70.0, (True, True)),
    "feat-mk": Plant((1.9, 1.9), 6.0, 35.0, 6.0, 15.0),
    "feat-if": Plant((0.1, 1.0), 2.0, 12.0, 3.0, 12.5, (False, True), seconds=1.5),
    "obj-ng": Plant((6.0, 6.0), 130.0, 115.0, 115.0, 120.0, (True, True)),
    "obj-mk-pa": Plant((1.3, 1.3), 3.5, 5.5, 5.5, 13.2, latent=(6.0, 1.1, 1.1)),
    "obj-mk-ns": Plant((0.9, 0.9), 3.4, 5.4, 5.4, 13.1, latent=(5.0, 1.1, 1.1)),
    "obj-if": Plant((0.15, 0.9), 4.5, 7.0, 6.5, 13.5, (False, True), seconds=1.0),
}


def config(name: str = "demo", **analysis: object) -> dict:
    """Return the demo's configuration, with a short bootstrap."""
    loaded = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    loaded["name"] = name
    loaded["analysis"] = {**loaded["analysis"], "bootstrap": 400, **analysis}
    return loaded


def plan(settings: dict, requests: int = 6) -> list[dict]:
    """Return the cells of a configuration: every method, bounded as it says, and `reseed`."""
    cells = []
    for method, entry in {**settings["methods"], "reseed": {}}.items():
        if entry is None:
            continue
        for number in range(1, min(requests, entry.get("requests", requests)) + 1):
            for seed in settings["seeds"][: entry.get("seeds", len(settings["seeds"]))]:
                cells.append({"method": method, "request": f"r{number}", "seed": seed})
    return cells


class Factory:
    """Writes one benchmark's results below a folder."""

    def __init__(
        self, folder: Path, settings: dict, planted: dict[str, Plant] | None = None, requests: int = 6
    ):
        """Take what is planted; nothing is written yet."""
        self.folder, self.settings = folder, copy.deepcopy(settings)
        self.planted = {**PAPER, **(planted or {})}
        self.cells = plan(self.settings, requests)
        self.requests = [f"r{number}" for number in range(1, requests + 1)]

    def plant(self, cell: dict) -> Plant:
        """Return what a cell's method does; a variant does what its base does."""
        method = cell["method"]
        entry = self.settings["methods"].get(method) or {}
        return self.planted[method if method in self.planted else entry["variant_of"]]

    def noise(self, *axes: object) -> np.random.Generator:
        """Return random numbers that depend on the axes alone."""
        return np.random.default_rng([sum(ord(letter) for letter in str(axis)) for axis in axes] + [7])

    def level(self, cell: dict, task: str) -> float:
        """Return the error of the target's drawing."""
        shared = self.noise(cell["request"], task).normal(0, 1.5)
        wobble = self.noise(cell["method"], cell["request"], cell["seed"], task).normal(0, 0.7)
        share = self.plant(cell).share[TASKS.index(task)]
        return max(2.0, ORIGINAL + shared + wobble + share * (RETRAINED - ORIGINAL + shared))

    def metrics(self, cell: dict) -> pd.DataFrame:
        """Return a cell's metrics.csv."""
        rows = []
        for task in TASKS:
            plant, turn = self.plant(cell), TASKS.index(task)
            error = self.level(cell, task)
            own = self.noise("rest", cell["method"], cell["request"], cell["seed"], task)
            scale = self.noise("scale", cell["request"]).uniform(0.85, 1.15)
            changes = {
                "A1": abs(error - ORIGINAL) + 1 + plant.same_image,
                "A2": plant.same_image,
                "A2-rest": plant.same_image * 0.9,
                "A3": plant.category,
                "A3-heldout": plant.category * 1.1,
                "A4": plant.elsewhere,
            }
            if plant.collapsed[turn]:
                changes = {key: max(level, 60.0) for key, level in changes.items()}
            truths = {
                "target_error": error,
                "retained_error": plant.utility,
                "heldout_error": plant.utility + 18,
            }
            oracle = {f"retrain-{key}": changes[key] + 4 for key in ("A1", "A2", "A3", "A4")}
            for dimension, level in {**changes, **truths, **oracle}.items():
                if dimension.startswith("oracle") and cell["method"] == "reseed":
                    continue
                exact = dimension == "target_error"
                value = level if exact else max(0.05, level * scale * (1 + own.normal(0, 0.05)))
                rows += self._metrics_of(task, dimension, value)
            flag = float(plant.collapsed[turn])
            rows.append((task, "diversity", "spread", 2.0 if flag else 40 + own.normal(), "grey levels"))
            rows.append((task, "diversity", "collapsed", flag, "flag"))
        return pd.DataFrame(rows, columns=["task", "dimension", "metric", "value", "unit"])

    @staticmethod
    def _metrics_of(task: str, dimension: str, grey: float) -> list[tuple]:
        return [
            (task, dimension, "ssim", float(np.exp(-grey / 40)), "index"),
            (task, dimension, "lpips", float(1 - np.exp(-grey / 80)), "lpips"),
            (task, dimension, "mae", grey, "grey levels"),
            (task, dimension, "changed", float(1 - np.exp(-grey / 12)), "share"),
        ]

    def latent(self, cell: dict) -> pd.DataFrame:
        """Return a cell's latent.csv."""
        rows = []
        own = self.noise("latent", cell["method"], cell["request"], cell["seed"])
        for task in TASKS:
            for group, size in zip(
                ("target", "same-image", "other-images"), self.plant(cell).latent, strict=True
            ):
                for representation, scale in (("graph", 2.0), ("input", 0.5)):
                    length = scale * size * float(np.exp(own.normal(0, 0.05)))
                    if cell["method"] == "original":
                        length = 0.0
                    rows.append((task, group, representation, "l2", length))
                    rows.append((task, group, representation, "cosine", 1 - np.exp(-length / 10)))
        return pd.DataFrame(rows, columns=["task", "group", "representation", "distance", "value"])

    def queries(self, cell: dict) -> pd.DataFrame:
        """Return a cell's queries.csv; the singleton query fits only half of the requests... of r1 to r3."""
        rows = []
        for task in TASKS:
            error = self.level(cell, task)
            for query in ("none", *self.settings["evaluation"]["queries"]):
                if query == "fuzzy" and cell["request"] == "r6":
                    rows.append(
                        (task, query, "not applicable: person has no more general label", "mae", None)
                    )
                    continue
                found = error if query == "none" else error - self.plant(cell).query * (error - ORIGINAL)
                rows += [
                    (task, query, "ok", *row[2:4])
                    for row in self._metrics_of(task, "", found)
                    if row[2] != "changed"
                ]
        return pd.DataFrame(rows, columns=["task", "query", "status", "metric", "value"])

    def timing(self, cell: dict) -> dict:
        """Return what model.json says."""
        own = self.noise("time", cell["method"], cell["request"], cell["seed"]).normal(1, 0.05)
        return {"timing": {"seconds": self.plant(cell).seconds * own, "peak_mib": 900.0, "steps": 40}}

    def table(self, name: str) -> pd.DataFrame:
        """Return `metrics`, `latent` or `queries` of every cell as one table."""
        frames = [getattr(self, name)(cell).assign(**cell) for cell in self.cells]
        return pd.concat(frames, ignore_index=True)

    def jobs(self) -> pd.DataFrame:
        """Return what timing_jobs.csv would hold, as far as claims read it."""
        families = {
            "retrain": "retrain",
            "retrain-sample": "retrain",
            "feat-if": "redaction",
            "obj-if": "redaction",
        }
        made = [cell for cell in self.cells if cell["method"] not in ("original", "noop-ft", "reseed")]
        rows = [
            {**cell, "family": families.get(cell["method"], "finetune"), **self.timing(cell)["timing"]}
            for cell in made
        ]
        return pd.DataFrame(rows)

    def ablation(self, kind: str) -> pd.DataFrame:
        """Return `modules` or `alpha` of every ablated cell as one table."""
        part = self.settings["ablations"]
        return pd.concat(
            [
                getattr(self, f"_{kind}")(request, seed).assign(request=request, seed=seed)
                for request in self.requests[: part["requests"]]
                for seed in self.settings["seeds"][: part["seeds"]]
            ],
            ignore_index=True,
        )

    def write(self) -> list[dict]:
        """Write everything that analysis reads and return the plan."""
        self._write_data()
        for cell in self.cells:
            self._write_cell(cell)
        for seed in self.settings["seeds"]:
            for stage, seconds in (("pretrained", 300.0), ("original", 100.0)):
                write_json(
                    self.folder / "models" / stage / f"seed{seed}.json",
                    {"seed": seed, "seconds": seconds, "peak_mib": 1200.0, "steps": 400},
                )
        self._write_ablations()
        return self.cells

    def _write_cell(self, cell: dict) -> None:
        place = Path(cell["method"]) / cell["request"] / f"seed{cell['seed']}"
        record = self.folder / "records" / place
        record.mkdir(parents=True, exist_ok=True)
        for name in ("metrics", "latent", "queries"):
            getattr(self, name)(cell).to_csv(record / f"{name}.csv", index=False)
        write_json(record / "record.json", self._provenance())
        if cell["method"] == "noop-ft":
            place = Path("noop-ft", ALL_REQUESTS, f"seed{cell['seed']}")
        if cell["method"] not in ("original", "reseed"):
            write_json(self.folder / "unlearned" / place / "model.json", self.timing(cell))

    def _provenance(self) -> dict:
        return {
            "device": "cpu (planted)",
            "versions": {"python": "3.11.0", "torch": "2.15.0"},
            "source_hash": "0" * 64,
            "lock_hash": "1" * 64,
            "commit": "2" * 40,
            "seconds": 1.0,
            "peak_mib": 500.0,
            "status": "ok",
        }

    def _write_data(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        rows = [
            (request, 100 + place, 1000 + place, CATEGORIES[place % 8], 0.3, 0.2, 0.7, 0.9, 0.4, None, True)
            for place, request in enumerate(self.requests)
        ]
        columns = [
            "request",
            "image_id",
            "object_id",
            "category",
            "x0",
            "y0",
            "x1",
            "y1",
            "width",
            "twin_of",
            "by_rule",
        ]
        pd.DataFrame(rows, columns=columns).to_csv(data / "requests.csv", index=False)
        roles = [(100 + place, "subset") for place in range(24)] + [
            (200 + place, "heldout") for place in range(8)
        ]
        pd.DataFrame(roles, columns=["image_id", "role"]).to_csv(data / "subset.csv", index=False)
        dropped = {"images": {"a side under data.min_image_side": 4}, "objects": {"too small": 71}}
        human = {"subset": 24, "heldout": 8, "images_by_label": {"man": {"train": 11, "val": 1}}}
        write_json(data / "summary.json", {"dropped": dropped, "human": human})

    def _write_ablations(self) -> None:
        part = self.settings["ablations"]
        for request in self.requests[: part["requests"]]:
            for seed in self.settings["seeds"][: part["seeds"]]:
                for kind in ("modules", "alpha"):
                    frame = getattr(self, f"_{kind}")(request, seed)
                    path = self.folder / "ablations" / kind / request / f"seed{seed}.csv"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    frame.to_csv(path, index=False)

    def _modules(self, request: str, seed: int) -> pd.DataFrame:
        effects = {"all": (5, 90), "decoder": (4, 70), "graph": (1.1, 4), "visual_projection": (0.6, 3)}
        frames = []
        for place, module in enumerate(self.settings["ablations"]["modules"]):
            share, rest = effects.get(module, (0.02, 0.5))
            planted = replace(
                self.planted["obj-if"], share=(share, share), same_image=rest, utility=12 + rest
            )
            frame = self._ablated(planted, module, request, seed)
            facts = {
                "module": module,
                "parameters": 10 ** (place % 4 + 3),
                "seconds": 9.0 / (place + 1),
                "residual": 1e-3,
            }
            frames.append(frame.assign(**facts))
        return pd.concat(frames)[["module", "parameters", "seconds", "residual", *_EFFECT]]

    def _alpha(self, request: str, seed: int) -> pd.DataFrame:
        frames = []
        for alpha in self.settings["ablations"]["alphas"]:
            share = min(alpha / 5, 4.0)
            planted = replace(
                self.planted["obj-if"],
                share=(share, share),
                same_image=1 + 2 * share,
                collapsed=(False, False),
            )
            frames.append(self._ablated(planted, f"alpha{alpha}", request, seed).assign(alpha=alpha))
        return pd.concat(frames)[["alpha", *_EFFECT]]

    def _ablated(self, planted: Plant, name: str, request: str, seed: int) -> pd.DataFrame:
        self.planted[name] = planted
        frame = self.metrics({"method": name, "request": request, "seed": seed})
        return frame[~frame["dimension"].str.startswith("oracle")].drop(columns="unit")


_EFFECT = ["task", "dimension", "metric", "value"]


def write_pictures(folder: Path, settings: dict, cells: list[dict], side: int = 32) -> None:
    """Write a packed set, every cell's outputs.npz and the ablations' pictures.

    Flat figures on a flat ground.
    """
    subset = pd.read_csv(folder / "data" / "subset.csv")
    ids, truth = subset["image_id"].to_numpy(), None
    truth = np.stack([_scene(int(image), side) for image in ids])
    _write_packed(folder / "data" / "packed", ids, truth)
    for cell in cells:
        if cell["seed"] != settings["seeds"][0]:
            continue
        place = folder / "records" / cell["method"] / cell["request"] / f"seed{cell['seed']}"
        own = np.random.default_rng(len(cell["method"])).normal(0, 12, truth.shape)
        drawn = np.clip(truth + own, 0, 255).astype(np.uint8)
        if cell["method"].startswith(("obj-mk", "retrain")):
            target = int(cell["request"][1:]) - 1
            drawn[target, int(0.2 * side) : int(0.9 * side), int(0.3 * side) : int(0.7 * side)] = 128
        roles = np.array(subset["role"], dtype="U8")
        np.savez(
            place / "outputs.npz",
            image_ids=ids,
            roles=roles,
            reconstruction=drawn,
            synthesis=drawn[:, :, ::-1],
        )
    for path in (folder / "ablations").glob("*/*/seed*.csv"):
        keys = pd.read_csv(path).iloc[:, 0].unique()
        stored = {f"{key}/{task}": truth[:4] for key in keys for task in TASKS}
        np.savez(path.with_suffix(".npz"), **stored)


def _scene(image_id: int, side: int) -> np.ndarray:
    colours = np.random.default_rng(image_id).integers(30, 226, (4, 3))
    scene = np.full((side, side, 3), colours[0], np.uint8)
    scene[int(0.7 * side) :] = colours[1]
    scene[int(0.2 * side) : int(0.9 * side), int(0.3 * side) : int(0.7 * side)] = colours[2]
    scene[int(0.25 * side) : int(0.4 * side), int(0.4 * side) : int(0.6 * side)] = colours[3]
    return scene


def _write_packed(folder: Path, ids: np.ndarray, pixels: np.ndarray) -> None:
    """Two objects an image, one of them the person, and the image node."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = ["__image__", *CATEGORIES, "tree"]
    number = len(ids)
    person = 1 + np.arange(number) % len(CATEGORIES)
    arrays = {
        "image_ids": ids,
        "splits": np.array(["train" if image < 200 else "val" for image in ids]),
        "pixels": pixels,
        "offsets": np.arange(number + 1) * 3,
        "object_ids": np.stack([900 + ids, 5000 + ids, np.full(number, -1)], axis=1).ravel(),
        "categories": np.stack([person, np.full(number, 9), np.zeros(number, int)], axis=1).ravel(),
        "boxes": np.tile(
            np.array([[0.3, 0.2, 0.7, 0.9], [0, 0, 0.3, 0.5], [0, 0, 1, 1]], np.float32), (number, 1)
        ),
        "triple_offsets": np.arange(number + 1) * 2,
        "triples": np.tile(np.array([[0, 0, 2], [1, 0, 2]]), (number, 1)),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    vocabulary = {"objects": objects, "predicates": ["__in_image__"], "attributes": []}
    write_json(
        folder / "packed.json",
        {"format": 1, "image_size": pixels.shape[1], "vocabulary": vocabulary, "images": number},
    )

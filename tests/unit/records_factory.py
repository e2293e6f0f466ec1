"""The results of a benchmark with planted effects in place of trained models, to test analysis, figures and page.

Each request adds noise that all methods share, and each run adds its own.
"""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from soulbench.analysis import methods
from soulbench.config import runs
from soulbench.config.runs import Run
from soulbench.core.columns import RECORDS
from soulbench.core.model_record import ModelRecord, Timing, write_model_record
from soulbench.core.paths import RECORD_TABLES, ResultPaths, beside
from soulbench.core.records import file_hash, write_json
from soulbench.core.terms import (
    ALL_REQUESTS,
    BANK,
    DEVELOPMENT,
    IDENTITY,
    IDENTITY_UNITS,
    LEAK,
    LEAK_UNITS,
    LEAST_ACCURACY,
    OF_TWIN,
    RESEED,
    TASKS,
    TEST,
    UNITS,
)
from tests.unit.planted_attacks import write_attacks
from tests.unit.planted_methods import ORIGINAL, PAPER, RETRAINED, STRANGER, PlantedMethod

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ("man", "woman", "boy", "girl", "lady", "child", "person", "face")
EFFECT = ["task", "dimension", "metric", "value"]
PROVENANCE = {
    "parameters": {"arithmetic": "portable"},
    "seeds": {"base": 0},
    "device": "cpu: x86_64 (planted)",
    "versions": {"python": "3.11.0", "torch": "2.15.0"},
    "source_hash": "0" * 64,
    "lock_hash": "1" * 64,
    "commit": "2" * 40,
}


def config(name: str = "demo", **analysis: object) -> dict:
    """Return the demo's configuration with a short bootstrap, and `retrain` for all requests in place of the bank."""
    loaded = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    loaded["references"] = {"bank": None}
    loaded["requests"]["development"] = 0
    # Effects are planted for the paper's methods; a test that wants others adds them.
    loaded["methods"] = {name: entry for name, entry in loaded["methods"].items() if name in methods.ORDER}
    loaded["methods"]["retrain"] = {"seeds": 1}
    loaded["name"] = name
    loaded["analysis"] = {**loaded["analysis"], "bootstrap": 400, **analysis}
    return loaded


class Factory:
    """Writes one benchmark's results below a folder."""

    def __init__(
        self,
        folder: Path,
        settings: dict,
        planted: dict[str, PlantedMethod] | None = None,
        slowness: float = 1.0,
        accuracy: float = 0.97,
    ):
        """Take a configuration, the effects that differ from the paper's, how slow the machine is, and an accuracy.

        The accuracy is that of the identity encoder.

        Nothing is written yet.
        """
        self.slowness, self.accuracy = slowness, accuracy
        self.paths, self.settings = ResultPaths(str(folder)), copy.deepcopy(settings)
        self.planted = {**PAPER, **(planted or {})}
        self.runs = runs.evaluated(self.settings)
        self.requests = [*runs.request_ids(self.settings), *runs.development_ids(self.settings)]

    def effects(self, run: Run) -> PlantedMethod:
        """Return the effects of a run's method; a variant has those of its base."""
        if run.method == BANK:
            is_out = run.seed in runs.out_models(self.settings, run.request)
            return self.planted["retrain" if is_out else "original"]
        planted = self.planted.get(run.method)
        return planted or self.planted[runs.base_method(self.settings, run.method)]

    def noise(self, *axes: object) -> np.random.Generator:
        """Return random numbers that depend on the axes alone."""
        return np.random.default_rng([sum(ord(letter) for letter in str(axis)) for axis in axes] + [7])

    def target_error(self, run: Run, task: str) -> float:
        """Return the error of the target."""
        of_request = self.noise(run.request, task).normal(0, 1.5)
        of_run = self.noise(*run, task).normal(0, 0.7)
        share = self.effects(run).share[TASKS.index(task)]
        return max(2.0, ORIGINAL + of_request + of_run + share * (RETRAINED - ORIGINAL + of_request))

    def metrics(self, run: Run) -> pd.DataFrame:
        """Return a run's metrics.csv."""
        rows = []
        for task in TASKS:
            rng = self.noise("rest", *run, task)
            scale = self.noise("scale", run.request).uniform(0.85, 1.15)
            for dimension, grey in self._distances(run, task).items():
                noisy = max(0.05, grey * scale * (1 + rng.normal(0, 0.05)))
                value = grey if dimension == "target_error" else noisy
                rows += self._metrics_of(task, dimension, value)
            collapsed = self.effects(run).collapsed[TASKS.index(task)]
            rows.append((task, "diversity", "spread", 2.0 if collapsed else 40 + rng.normal(), "grey levels"))
            rows.append((task, "diversity", "collapsed", float(collapsed), "flag"))
            found = min(1.0, max(0.0, self.effects(run).leak + rng.normal(0, 0.02)))
            leak = {"auc": found, "rank1": float(found > 0.9), "mrr": found**2}
            rows += [(task, LEAK, name, value, LEAK_UNITS[name]) for name, value in leak.items()]
            rows += self._identities(run, task)
        return pd.DataFrame(rows, columns=[*EFFECT, "unit"]).assign(regions=4)

    def _distances(self, run: Run, task: str) -> dict[str, float]:
        """Return the grey levels of every dimension."""
        effects, error = self.effects(run), self.target_error(run, task)
        changes = {
            "A1": abs(error - ORIGINAL) + 1 + effects.same_image,
            "A2": effects.same_image,
            "A2-rest": effects.same_image * 0.9,
            "A3": effects.category,
            "A3-heldout": effects.category * 1.1,
            "A4": effects.elsewhere,
        }
        if effects.collapsed[TASKS.index(task)]:
            changes = {dimension: max(grey, 60.0) for dimension, grey in changes.items()}
        errors = {
            "target_error": error,
            "retained_error": effects.retained,
            "heldout_error": effects.retained + 18,
        }
        compared = {}
        if runs.references(self.settings, run):
            compared = {k: changes[k] + 4 for k in ("A2", "A3", "A4")}
            compared["A1"] = 7 + abs(error - self.target_error(run._replace(method="retrain"), task))
        return {**changes, **errors, **{f"retrain-{dimension}": grey for dimension, grey in compared.items()}}

    def _identities(self, run: Run, task: str) -> list[tuple]:
        """Return the rows of the requested individual; the first request's has a twin, whom nobody asks for."""
        if self.settings["evaluation"]["identity"] is None:
            return []
        rows, noise = [], self.noise("identity", *run, task)
        effects, share = self.effects(run), self.effects(run).share[TASKS.index(task)]
        kept = min(max(1 - share, 0.0), 1.0) if effects.kept is None else effects.kept
        found = {IDENTITY: kept} | ({OF_TWIN: 1.0} if run.request == self.requests[0] else {})
        for dimension, much in found.items():
            much = min(1.0, max(0.0, much + noise.normal(0, 0.02)))
            values = {"accuracy": self.accuracy, "gallery": 12.0}
            if self.accuracy >= LEAST_ACCURACY:
                values |= {"rank1": much, "mrr": STRANGER + (1 - STRANGER) * much}
                values |= {"margin": much / 2} if len(found) > 1 else {}
            rows += [(task, dimension, name, value, IDENTITY_UNITS[name]) for name, value in values.items()]
        return rows

    @staticmethod
    def _metrics_of(task: str, dimension: str, grey: float) -> list[tuple]:
        values = {
            "ssim": float(np.exp(-grey / 100)),
            "lpips": float(1 - np.exp(-grey / 120)),
            "mae": grey,
            "changed": float(1 - np.exp(-grey / 12)),
        }
        return [(task, dimension, metric, value, UNITS[metric]) for metric, value in values.items()]

    def latent(self, run: Run) -> pd.DataFrame:
        """Return a run's latent.csv."""
        rows = []
        rng = self.noise("latent", *run)
        groups = ("target", "same-image", "other-images")
        for task in TASKS:
            for group, size in zip(groups, self.effects(run).latent, strict=True):
                for representation, scale in (("graph", 2.0), ("input", 0.5)):
                    length = scale * size * float(np.exp(rng.normal(0, 0.05)))
                    if run.method == "original":
                        length = 0.0
                    rows.append((task, group, representation, "l2", length))
                    rows.append((task, group, representation, "cosine", 1 - np.exp(-length / 10)))
        return pd.DataFrame(rows, columns=["task", "group", "representation", "distance", "value"])

    def queries(self, run: Run) -> pd.DataFrame:
        """Return a run's queries.csv; the query `fuzzy` does not apply to r6."""
        rows = []
        for task in TASKS:
            error = self.target_error(run, task)
            for query in ("none", *self.settings["evaluation"]["queries"]):
                if query == "fuzzy" and run.request == "r6":
                    status = "not applicable: person has no more general label"
                    rows.append((task, query, status, "mae", None))
                    continue
                recovered = 0.0 if query == "none" else self.effects(run).query * (error - ORIGINAL)
                metrics = self._metrics_of(task, "", error - recovered)
                rows += [
                    (task, query, "ok", metric, value)
                    for _, _, metric, value, _ in metrics
                    if metric != "changed"
                ]
        return pd.DataFrame(rows, columns=["task", "query", "status", "metric", "value"])

    def budgets(self, run: Run) -> pd.DataFrame:
        """Return a run's budgets.csv: the share forgotten grows with the budget, up to twice the described one's."""
        columns = list(RECORDS["budgets"])
        described = None
        if run.method not in methods.UNNAMED:
            described = runs.described_budget(self.settings, run.method)
        if described is None:
            return pd.DataFrame(columns=columns)
        frames, effects = [], self.effects(run)
        for budget in (described, *runs.further_budgets(self.settings, run.method)):
            share = tuple(min(budget / described, 2.0) * share for share in effects.share)
            planted = replace(effects, share=share) if budget != described else effects
            name = run.method if budget == described else f"{run.method}-{budget}"
            self.planted[name] = planted
            frame = self.metrics(run._replace(method=name))[EFFECT]
            frames.append(frame[frame["metric"].isin(["mae", "changed", "collapsed"])].assign(budget=budget))
        return pd.concat(frames)[columns]

    def timing(self, run: Run) -> Timing:
        """Return the cost of the job that made a run's model."""
        factor = self.noise("time", *run).normal(1, 0.05)
        return Timing(seconds=self.slowness * self.effects(run).seconds * factor, peak_mib=900.0, steps=40)

    def table(self, name: str) -> pd.DataFrame:
        """Return `metrics`, `latent` or `queries` of every run of the test requests as one table."""
        frames = [getattr(self, name)(run).assign(**run._asdict()) for run in runs.planned(self.settings)]
        return pd.concat(frames, ignore_index=True)

    def jobs(self) -> pd.DataFrame:
        """Return timing_jobs.csv, as far as the claims read it."""
        planned = runs.planned(self.settings)
        rows = [
            (
                run.method,
                ALL_REQUESTS if run.method == BANK else run.request,
                run.seed,
                methods.family(self.settings, run.method),
                self.timing(run).seconds,
            )
            for run in planned
            if run.method not in ("original", "noop-ft", RESEED)
        ]
        return pd.DataFrame(rows, columns=[*Run._fields, "family", "seconds"])

    def ablation(self, name: str) -> pd.DataFrame:
        """Return all rows of the ablation `modules` or `alpha` as one table."""
        frames = [
            getattr(self, f"_{name}")(request, seed).assign(request=request, seed=seed)
            for request, seed in runs.ablation_runs(self.settings)
        ]
        return pd.concat(frames, ignore_index=True)

    def write(self) -> None:
        """Write everything that analysis reads."""
        self._write_data()
        for run in self.runs:
            self._write_run(run)
        for seed in self.settings["seeds"]:
            for checkpoint, seconds in (
                (self.paths.pretrained(seed), 300.0),
                (self.paths.original(seed), 100.0),
            ):
                timing = Timing(seconds=self.slowness * seconds, peak_mib=1200.0, steps=400)
                self._write_model_record(checkpoint, Run("original", ALL_REQUESTS, seed), timing)
        for request, seed in runs.ablation_runs(self.settings):
            for name in ("modules", "alpha"):
                path = Path(self.paths.ablation(name, request, seed, "csv"))
                path.parent.mkdir(parents=True, exist_ok=True)
                getattr(self, f"_{name}")(request, seed).to_csv(path, index=False)
        write_attacks(self, PROVENANCE)

    def _write_run(self, run: Run) -> None:
        folder = Path(self.paths.record(*run))
        folder.mkdir(parents=True, exist_ok=True)
        for name in RECORD_TABLES:
            getattr(self, name)(run).to_csv(folder / f"{name}.csv", index=False)
        timing = {"seconds": 1.0, "peak_mib": 500.0, "steps": 0}
        digests = {name: file_hash(folder / f"{name}.csv") for name in RECORD_TABLES}
        write_json(
            folder / "record.json", {**run._asdict(), "timing": timing, "digests": digests, **PROVENANCE}
        )
        if run.method not in ("original", RESEED):
            checkpoint = runs.checkpoint(self.settings, *run, self.paths)
            self._write_model_record(checkpoint, run, self.timing(run))

    def _write_model_record(self, checkpoint: str, run: Run, timing: Timing) -> None:
        kind = {
            "level": methods.level(self.settings, run.method),
            "family": methods.family(self.settings, run.method),
        }
        record = ModelRecord(**run._asdict(), **kind, timing=timing, **PROVENANCE)
        write_model_record(beside(checkpoint, "json"), record)

    def _write_data(self) -> None:
        data = Path(self.paths.data())
        data.mkdir(parents=True, exist_ok=True)
        rows = [
            (
                request,
                DEVELOPMENT if request in runs.development_ids(self.settings) else TEST,
                "object",
                "requested",
                "",
                100 + index,
                1000 + index,
                CATEGORIES[index % 8],
                0.3,
                0.2,
                0.7,
                0.9,
                0.4,
                None,
                True,
            )
            for index, request in enumerate(self.requests)
        ]
        columns = [
            "request",
            "set",
            "kind",
            "role",
            "individual",
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
        roles = [(100 + index, "subset") for index in range(24)]
        roles += [(200 + index, "heldout") for index in range(8)]
        pd.DataFrame(roles, columns=["image_id", "role"]).to_csv(data / "subset.csv", index=False)
        dropped = {"images": {"a side under data.min_image_side": 4}, "objects": {"too small": 71}}
        human = {"subset": 24, "heldout": 8, "images_by_label": {"man": {"train": 11, "val": 1}}}
        write_json(data / "summary.json", {"dropped": dropped, "human": human})

    def _modules(self, request: str, seed: int) -> pd.DataFrame:
        effects = {"all": (5, 90), "decoder": (4, 70), "graph": (1.1, 4), "visual_projection": (0.6, 3)}
        frames = []
        for index, module in enumerate(self.settings["ablations"]["modules"]):
            share, rest = effects.get(module, (0.02, 0.5))
            planted = replace(
                self.planted["obj-if"], share=(share, share), same_image=rest, retained=12 + rest
            )
            frame = self._ablated(planted, module, request, seed)
            facts = {
                "module": module,
                "parameters": 10 ** (index % 4 + 3),
                "seconds": self.slowness * 9.0 / (index + 1),
                "residual": 1e-3,
            }
            frames.append(frame.assign(**facts))
        return pd.concat(frames)[["module", "parameters", "seconds", "residual", *EFFECT]]

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
        return pd.concat(frames)[["alpha", *EFFECT]]

    def _ablated(self, effects: PlantedMethod, name: str, request: str, seed: int) -> pd.DataFrame:
        self.planted[name] = effects
        frame = self.metrics(Run(name, request, seed))
        return frame[~frame["dimension"].str.startswith("retrain-")].drop(columns=["unit", "regions"])

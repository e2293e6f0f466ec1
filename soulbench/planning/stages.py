"""The stages of a planned run: their jobs, and the multiply-adds of their training, solving and evaluation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soulbench import figures
from soulbench.config import attacks, runs
from soulbench.core.terms import BANK, RESEED, TASKS
from soulbench.data.prepare.download import FILES
from soulbench.evaluation.ablations import METHOD
from soulbench.planning.counting import WorkCounter
from soulbench.planning.sizes import Sizes
from soulbench.training.early_stop import MAX_IMAGES
from soulbench.training.monitor import snapshot_steps
from soulbench.training.stages import SNAPSHOT_IMAGES

Config = Mapping[str, Any]
PREPARING = ("vocabulary", "pack", "human_filter", "requests", "visual_features")  # rules of every source


def most_products(parameters: Mapping[str, Any]) -> int:
    """Return the largest number of products of a solve: the iterations, and one for the residual of LiSSA."""
    return parameters["iterations"] + (parameters["solver"] == "lissa")


def redactions(config: Config) -> dict[str, dict[str, Any]]:
    """Return the parameters of each configured influence function, by its name."""
    names = [name for name in runs.methods(config) if runs.method(config, name).family == "redaction"]
    return {name: runs.parameters(config, name) for name in names}


def unlearned_models(config: Config) -> Counter[str]:
    """Return the number of models that each configured method makes."""
    unlearned = [run for run in runs.evaluated(config) if run.method not in ("original", RESEED, BANK)]
    return Counter({runs.checkpoint(config, *run): run.method for run in unlearned}.values())


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    Attributes:
        name: as it is shown.
        jobs: number of jobs.
        work: multiply-adds of all jobs together.
    """

    name: str
    jobs: int
    work: float = 0.0


class Plan:
    """Counts the work of a configured run.

    Args:
        config: the whole configuration.
        sizes: of the data.
        counter: counts the work of the parts.
        products: how many products a solve takes, by name of an influence function; where it names none, the most.
        each_module: whether each module's products are counted in the ablations. Otherwise all are taken to cost as
            much as those of obj-if's own module, which takes seconds less; on the demo it is a seventh too little.
    """

    def __init__(
        self,
        config: Config,
        sizes: Sizes,
        counter: WorkCounter,
        products: Mapping[str, float] | None = None,
        each_module: bool = False,
    ):
        self.config, self.sizes, self.counter = config, sizes, counter
        self.redactions = redactions(config)
        most = {name: most_products(parameters) for name, parameters in self.redactions.items()}
        self.products = most | dict(products or {})
        self.each_module = each_module
        self.runs = runs.evaluated(config)
        self.models = unlearned_models(config)

    def stages(self) -> list[Stage]:
        """Return the stages in the order in which they run."""
        seeds, ablated = len(self.config["seeds"]), len(runs.ablation_runs(self.config))
        retrained = self._of_family("retrain", "replay") + len(
            runs.bank_models(self.config)
        )  # a replay at most
        # A one-shot method may learn from as many images as a fine-tuning.
        tuned = self._of_family("finetune", "one-shot")
        pretrain, finetune = self.training("pretrain"), self.training("finetune")
        solves = sum(self.models[name] * self.solve(name) for name in self.redactions)
        evaluations = len({(run.method, run.seed) for run in self.runs})
        return [
            Stage("data", self._data_jobs(), self._visual_features()),
            Stage("pre-training", seeds, seeds * pretrain),
            Stage("fine-tuning", seeds, seeds * finetune),
            Stage("retraining", retrained, retrained * (pretrain + finetune)),
            Stage("unlearning", tuned, tuned * self.unlearning() if tuned else 0.0),
            Stage("redaction", self._of_family("redaction"), solves),
            Stage("evaluation", evaluations, self._evaluations()),
            Stage("ablations", ablated, ablated * self.ablation() if ablated else 0.0),
            Stage("attacks", len(attacks.planned(self.config)), self._attacks()),
            Stage("tables, figures, page", 3 + len(figures.planned(self.config))),
        ]

    def _of_family(self, *families: str) -> int:
        """Return the number of models whose method is of one of some families."""
        return sum(n for name, n in self.models.items() if runs.method(self.config, name).family in families)

    def training(self, which: str) -> float:
        """Return the multiply-adds of one pre-training ("pretrain") or fine-tuning ("finetune")."""
        settings, sizes = self.config["training"], self.sizes
        first, stop = which == "pretrain", settings["early_stop"]
        work = self._updates(settings[which], settings["optimiser"], sizes.train if first else sizes.subset)
        if first and stop is not None:
            validations = settings[which]["steps"] // stop["every"]
            work += validations * min(MAX_IMAGES, sizes.validation) * self.counter.output
        return work

    def unlearning(self) -> float:
        """Return the multiply-adds of one unlearning by fine-tuning."""
        return self._updates(self.config["unlearning"], "adam", self.sizes.subset)

    def _updates(self, stage: Mapping[str, Any], optimiser: str, images: int) -> float:
        """Return the multiply-adds of a stage's updates, and of the snapshots meanwhile."""
        snapshots = len(snapshot_steps(stage["steps"]))
        shown = snapshots * len(TASKS) * min(SNAPSHOT_IMAGES, self.sizes.subset)
        batch = max(1, min(stage["batch"], images))
        return stage["steps"] * self.counter.step(batch, optimiser).work + shown * self.counter.output

    def solve(self, name: str, modules: Sequence[str] = ()) -> float:
        """Return the multiply-adds of a redaction of its own module, or of each of some, which share a gradient."""
        parameters = self.redactions[name]
        category = runs.method(self.config, name).level == "feature"
        edited = self.sizes.subset if category else 1  # at most all images show the target's category
        images = self.sizes.subset if parameters["hessian"] == "subset" else edited
        chunk = max(1, min(parameters["chunk"], images))
        counted = [self.counter.products(chunk, module) for module in modules or [parameters["module"]]]
        products, gradient = self.products[name], max(one.gradient for one in counted)
        # The gradient's graph is kept, or built again for each product.
        graphs = gradient if images == chunk else products * sum(one.gradient for one in counted)
        solving = graphs + products * sum(one.product for one in counted)
        return (solving * images + 2 * edited * gradient) / chunk

    def _evaluations(self) -> float:
        """Return the multiply-adds of all evaluations."""
        samples = {run: self._samples(run.method) for run in self.runs}
        # A model that serves all requests generates its outputs once.
        generated = {
            (runs.checkpoint(self.config, *run), run.method, run.seed): samples[run] for run in self.runs
        }
        queries = len(self.runs) * len(TASKS) * (1 + len(self.config["evaluation"]["queries"]))
        regions = sum(
            samples[run] * self._regions(bool(runs.references(self.config, run))) for run in self.runs
        )
        return (sum(generated.values()) * self._outputs() + queries * self.counter.output) + (
            queries + len(TASKS) * regions
        ) * self.counter.comparison

    def _outputs(self) -> float:
        """Return the multiply-adds of one noise sample of a model's outputs."""
        return len(TASKS) * (self.sizes.subset + self.sizes.heldout) * self.counter.output

    def _samples(self, method: str) -> int:
        """Return the noise samples of a run; the original model is compared with itself."""
        configured: int = self.config["evaluation"]["noise_samples"]
        return max(configured, 2) if method == "original" else configured

    def _regions(self, retrained: bool) -> float:
        """Return how many regions of a model's outputs are compared in one task (soulbench.evaluation.dimensions)."""
        subset, heldout = self.sizes.subset, self.sizes.heldout
        objects = subset * (self.sizes.objects - 1)  # A1, A2, A3 and A4
        return objects + 1 + heldout + (objects if retrained else 0) + subset + heldout

    def ablation(self) -> float:
        """Return the multiply-adds of both ablations of one request and seed."""
        settings, own = self.config["ablations"], self.redactions[METHOD]
        modules = dict.fromkeys([*settings["modules"], own["module"]])
        solves = self.solve(METHOD, [name if self.each_module else own["module"] for name in modules])
        # The usual redaction may be a trial of both.
        shared = own["module"] in settings["modules"] and own["alpha"] in settings["alphas"]
        trials = len(settings["modules"]) + len(settings["alphas"]) - shared
        compared = trials * len(TASKS) * self._regions(False) * self.counter.comparison
        return solves + (1 + trials) * self._outputs() + compared  # the first outputs are the original's

    def _attacks(self) -> float:
        """Return the multiply-adds of all attacks, as far as their files say what they do."""
        work = 0.0
        for run in attacks.planned(self.config):
            done = attacks.attack(self.config, run.attack).work(attacks.parameters(self.config, run.attack))
            each = done.get("outputs", 0) * self.counter.output
            if steps := done.get("steps", 0):
                batch = max(1, min(self.config["unlearning"]["batch"], self.sizes.subset))
                each += steps * self.counter.step(batch, "adam").work
            if attacks.unlearns(self.config, run.attack, run.method):
                family = runs.method(self.config, run.method).family
                each += done.get("unlearnings", 0) * (self.unlearning() if family == "finetune" else 0.0)
            work += each * len(attacks.requests_of(self.config, run))
        return work

    def _visual_features(self) -> float:
        return self.sizes.images * self.sizes.objects * self.counter.visual_features

    def _data_jobs(self) -> int:
        data = self.config["data"]
        downloads = len(FILES) if data["root"] is None else 0
        encoder = self.config["evaluation"]["identity"] is not None
        sources = {"demo": 1, "local": 0, "visual_genome": downloads}
        return sources[data["source"]] + len(PREPARING) + encoder

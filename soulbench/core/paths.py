"""The paths of all files of a benchmark below `results/<name>/`; nothing else spells them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from soulbench.core.columns import RECORDS

#: The tables of one evaluated model.
RECORD_TABLES = tuple(RECORDS)
#: Beside the checkpoint of a training stage: the moments with which unlearning may start its optimiser.
MOMENTS = "moments.safetensors"
#: All files of one evaluated model.
RECORD_FILES = ("record.json", "outputs.npz", *(f"{name}.csv" for name in RECORD_TABLES))
#: Folder of the generated or downloaded data set, among the files of the data stage.
SOURCE = "source"


@dataclass(frozen=True)
class ResultPaths:
    """The paths of a benchmark's files. Snakemake's wildcards (`{seed}`) may be given in place of values.

    Attributes:
        root: the folder of the benchmark.
    """

    root: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return the paths of a configured benchmark."""
        return cls(f"results/{config['name']}")

    def data(self, name: str = "") -> str:
        """Return a file of the data stage, such as `packed` or `requests.csv`; without a name, its folder."""
        return f"{self.root}/data/{name}".rstrip("/")

    def identity(self) -> str:
        """Return the checkpoint of the identity encoder."""
        return self.data("identity.safetensors")

    def pretrained(self, seed: object) -> str:
        """Return the checkpoint of a pre-trained model."""
        return f"{self.root}/models/pretrained/seed{seed}.safetensors"

    def original(self, seed: object) -> str:
        """Return the checkpoint of an original model."""
        return f"{self.root}/models/original/seed{seed}.safetensors"

    def bank(self, number: object) -> str:
        """Return the checkpoint of a model of the bank."""
        return f"{self.root}/models/bank/model{number}.safetensors"

    def unlearned(self, method: str, request: str, seed: object) -> str:
        """Return the checkpoint that a method writes, for one request or for `ALL_REQUESTS`."""
        return f"{self.root}/unlearned/{method}/{request}/seed{seed}/model.safetensors"

    def record(self, method: str, request: str, seed: object, file: str = "") -> str:
        """Return a file of one evaluated model (`RECORD_FILES`); without a name, its folder."""
        return f"{self.root}/records/{method}/{request}/seed{seed}/{file}".rstrip("/")

    def ablation(self, name: str, request: str, seed: object, suffix: str) -> str:
        """Return the table (`csv`) or the images (`npz`) of one ablation, or the `record` (`json`) of both."""
        return f"{self.root}/ablations/{name}/{request}/seed{seed}.{suffix}"

    def attack(self, name: str, method: str, seed: object, suffix: str) -> str:
        """Return the outcomes (`csv`), the images (`npz`) or the record (`json`) of one attack on a method's models."""
        return f"{self.root}/attacks/{name}/{method}/seed{seed}.{suffix}"

    def table(self, name: str = "") -> str:
        """Return a table; without a name, the folder of the tables."""
        return f"{self.root}/tables/{name}.csv" if name else f"{self.root}/tables"

    def figure(self, name: str, suffix: str) -> str:
        """Return a figure as `png` or `svg`."""
        return f"{self.root}/figures/{name}.{suffix}"

    def page(self) -> str:
        """Return the HTML page."""
        return f"{self.root}/report/index.html"

    def log(self, *parts: str) -> str:
        """Return the log of a job."""
        return f"{self.root}/logs/{'/'.join(parts)}.log"


def source_beside(data_file: str) -> Path:
    """Return the folder of the generated or downloaded data set, given another file of the data stage.

    A rule's parameters name no path below `results/<name>`, so that a job of another benchmark can be the same job.
    """
    return Path(data_file).parent / SOURCE


def beside(checkpoint: str, kind: str) -> str:
    """Return a file that training writes beside a checkpoint: `json`, `curves.csv` or `snapshots.npz`."""
    return f"{checkpoint.removesuffix('.safetensors')}.{kind}"


def at_budget(checkpoint: str, budget: float) -> str:
    """Return the checkpoint of the same method at another budget than the one that it is described with."""
    return beside(checkpoint, f"budget-{budget:g}.safetensors")


def at_step(checkpoint: str, step: int) -> str:
    """Return the state of a training stage after a step, kept beside the checkpoint that the stage wrote."""
    return beside(checkpoint, f"state-{step}.safetensors")


#: Path below `results/<name>/` -> the rule that writes it.
_RULES = {
    r"data/(vocabulary\.json|graphs)": "vocabulary",
    r"data/packed": "pack",
    r"data/(human|subset)\.csv|data/summary\.json": "human_filter",
    r"data/requests\.csv": "requests",
    r"data/visual\.npy": "visual_features",
    r"data/identity\.": "identity_encoder",
    r"models/pretrained/": "pretrain",
    r"models/original/": "finetune",
    r"models/bank/": "bank",
    r"unlearned/(?P<name>[^/]+)/": "{name}",
    r"records/(?P<name>[^/]+)/": "evaluate_{name}",
    r"ablations/": "ablate",
    r"attacks/(?P<name>[^/]+)/": "attack_{name}",
    r"tables/(timing_)?claim(s|_parts)\.csv": "claims",
    r"tables/": "tables",
}


def rule_of(path: str | Path) -> str | None:
    """Return the rule that makes a file that other jobs read; None for a file not below `results/<name>/`."""
    for pattern, rule in _RULES.items():
        if found := re.search(rf"(?:^|/)results/[^/]+/(?:{pattern})", Path(path).as_posix()):
            return rule.format(**found.groupdict())
    return None

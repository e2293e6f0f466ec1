"""A model under attack, and what an attack measures of it."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from soulbench.core.seeds import generator
from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.outputs import CHUNK, ModelOutputs, OutputGenerator
from soulbench.models.generator import Generator
from soulbench.training.dataset import BenchmarkData
from soulbench.training.networks import Networks

#: Status of an outcome that was measured; the others say why there is none.
OK = "ok"


class Outcome(NamedTuple):
    """One number that an attack measures.

    Attributes:
        request: id of the request that it is about.
        task: the task.
        budget: what the attacker spent, in the unit that the attack declares.
        metric: a key of the attack's METRICS.
        value: the number; None where the attack does not apply.
        status: `ok`, or why the attack does not apply.
        image: uint8 [H, W, 3] to be kept for figures, if any.
    """

    request: str
    task: str
    budget: float
    metric: str
    value: float | None
    status: str = OK
    image: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Attacked:
    """A model under attack, for one request.

    Attributes:
        method: the configured method, `original`, or `bank` for a model that never saw the targets: the control.
        seed: its training seed; of a model of the bank, its number.
        checkpoint: its weights.
        original: those of the original model of its seed, of the first seed for a model of the bank.
        record: folder of its record; before: that of the original's. The original's own is both.
        context: the images, the scenes and the request.
        data: the benchmark's data.
        networks: of the right sizes; `load` fills them.
        device: where it computes.
        shadows: folders of the records of other models, by the fields of `soulbench.config.attacks.Shadows`; none
            unless the attack's file asks for them (`SHADOWS`).
        moments: the file with which the method's Adam starts, if the attack runs the method; None for none.
        requests: ids of all requests of the attack, of which a model of the bank is attacked for some.
    """

    method: str
    seed: int
    checkpoint: str
    original: str
    record: Path
    before: Path
    context: RequestContext
    data: BenchmarkData
    networks: Networks
    device: torch.device
    shadows: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    moments: str | None = None
    requests: tuple[str, ...] = ()

    @property
    def request(self) -> Request:
        """The request whose targets the attacker wants back."""
        return self.context.request

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration, as far as the job got it."""
        return self.data.config

    @property
    def target_image(self) -> int:
        """Index of the primary target's image among the context's scenes."""
        return self.context.regions["A1"][0].image_index

    @property
    def scene(self) -> Scene:
        """The scene graph of the primary target's image."""
        return self.context.scenes[self.target_image]

    @property
    def target(self) -> int:
        """Index of the primary target among the objects of `scene`."""
        return self.scene.object_ids.tolist().index(self.request.primary.object_id)

    @property
    def visual(self) -> np.ndarray:
        """[n, F] frozen visual features of the objects of `scene`."""
        return self.visual_of(self.scene)

    def visual_of(self, scene: Scene) -> np.ndarray:
        """Return the frozen visual features [n, F] of the objects of a scene of the packed set."""
        return self.data.visual[scene.first_row : scene.first_row + len(scene.categories)]

    def load(self) -> Generator:
        """Load the weights anew and return the generator in eval mode; what an attack did to them is gone."""
        self.networks.load(self.checkpoint)
        return self.networks.generator.to(self.device).eval()

    def outputs(self) -> ModelOutputs:
        """Return what the model generates for all scenes of the context, as its evaluation kept it."""
        return outputs_of(self.record)

    def outputs_before(self) -> ModelOutputs:
        """Return the same of the original model."""
        return outputs_of(self.before)

    def generate(self, scenes: Sequence[Scene], visual: Sequence[np.ndarray], task: str) -> np.ndarray:
        """Return what the loaded weights generate, uint8 [B, H, W, 3].

        Args:
            scenes: B scene graphs; the noise depends on their image ids.
            visual: [n, F] features of the objects of each.
            task: the task.
        """
        output_generator = OutputGenerator(self.networks.generator, self.config, self.device)
        batches = self.data.batches()
        chunks = [slice(start, start + CHUNK) for start in range(0, len(scenes), CHUNK)]
        return np.concatenate(
            [output_generator.generate(batches.collate(scenes[c], visual[c]), task)[0] for c in chunks]
        )

    def error(self, images: np.ndarray) -> list[float]:
        """Return the mean absolute error in grey levels of images of the primary target's scene, in its RoI.

        Args:
            images: uint8 [B, H, W, 3].
        """
        x0, y0, x1, y1 = self.context.regions["A1"][0].region
        truth = self.context.truth[self.target_image].astype(np.int16)
        differences = np.abs(images.astype(np.int16) - truth)[:, y0:y1, x0:x1]
        return [float(value) for value in differences.mean(axis=(1, 2, 3))]

    def random(self, attack: str, *axes: object) -> np.random.Generator:
        """Return random numbers that depend on the request alone: every model is attacked alike."""
        return generator(self.config["seed"], f"attack-{attack}", self.request.id, *axes)


@functools.lru_cache(maxsize=4)
def outputs_of(record: Path) -> ModelOutputs:
    """Return the outputs in the folder of a record."""
    return ModelOutputs.load(record / "outputs.npz")

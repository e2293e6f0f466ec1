"""From a plan's influence to a redacted model: the linear system of a request, solved for one module or several."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from soulbench.core import device as devices
from soulbench.core.device import Meter, moved
from soulbench.core.log import Log
from soulbench.core.model_record import Solver, Timing
from soulbench.core.seeds import derive_seed
from soulbench.core.terms import Module
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.training.conditions import noise_for, task_condition
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.masking import Masking, masking_of
from soulbench.training.networks import Networks
from soulbench.training.stages import objective_for
from soulbench.unlearning import influence
from soulbench.unlearning.plan import Influence


def redact(
    data: BenchmarkData,
    networks: Networks,
    removed: Influence,
    seed: int,
    log: Log,
    saved: Mapping[float, str] | None = None,
) -> tuple[Timing, Solver]:
    """Solve for the influence of objects and remove it from the generator in place.

    Args:
        data: the benchmark's data.
        networks: of the model; the generator's weights change.
        removed: whose influence, and how.
        seed: as in `InfluenceSystem`.
        log: takes a line.
        saved: checkpoints of the networks under other strengths of the same redaction, by alpha.
    """
    device = devices.prepare(data.config["device"])
    with Meter(device) as meter:
        system = InfluenceSystem(data, networks, removed, [removed.settings.module], seed, device)
        redaction, solution = system.solve(removed.settings.module, log)
    # Not part of what the method costs: the other strengths are written for the benchmark's sake.
    for alpha, path in (saved or {}).items():
        with redaction.applied(alpha * solution.step):
            networks.save(path)
    redaction.apply(removed.settings.alpha * solution.step)
    timing = Timing(meter.seconds, meter.peak_mib, solution.iterations)
    return timing, influence.summary(solution, redaction)


class InfluenceSystem:
    """(H + damping) h = v of some objects: what the redactions of all modules have in common.

    Args:
        data: the benchmark's data.
        networks: moved to the device and put in eval mode. H and v are those of their weights at this time.
        removed: whose influence, and how it is solved for.
        modules: those that `solve` may be asked for.
        seed: of what is hidden of the images whose loss H is the Hessian of.
        device: where to compute.
    """

    def __init__(
        self,
        data: BenchmarkData,
        networks: Networks,
        removed: Influence,
        modules: Sequence[Module],
        seed: int,
        device: torch.device,
    ):
        devices.place(networks.modules(), device).eval()
        self.settings, self.whole = removed.settings, influence.Redaction(networks.generator, *modules)
        chosen = sorted({image_id for image_id, _ in removed.objects})
        subset = self.settings.hessian == "subset"
        rows = data.subset if subset else [data.scenes.find(image_id) for image_id in chosen]
        losses = _learning_losses(data, networks, rows, self.settings.chunk, seed, device)
        side = _right_side(data, self.whole, removed, device)
        self.side = side.map(lambda vector: vector / len(rows))
        self.hessian = self.whole.hessian(*losses)

    def solve(self, module: Module, log: Log) -> tuple[influence.Redaction, influence.Solution]:
        """Return the parameter change of one module that removes the influence, not yet applied."""
        part = influence.Redaction(self.whole.model, module)
        side = self.side.map(lambda vector: part.join(self.whole.split(vector)))
        settings = replace(self.settings, module=module)
        return part, influence.solve(self.hessian.block(part), side, settings, log)


def _learning_losses(
    data: BenchmarkData, networks: Networks, rows: list[int], chunk: int, seed: int, device: torch.device
) -> Iterator[influence.Loss]:
    """Yield the learning loss of some images chunk by chunk; the chunks' losses add up to the mean over all images.

    In eval mode the images of a batch are independent of each other, so the sum does not depend on the chunks.
    """
    objective = devices.place(objective_for(data.config, networks, UNCHANGED), device)
    source = data.batches()
    batches = [source.batch(rows[start : start + chunk]) for start in range(0, len(rows), chunk)]
    seeds = [[derive_seed(seed, "hide", "hessian", image) for image in batch.image_ids] for batch in batches]
    masking = Masking(masking_of(data.config), device)
    for piece, condition in masking(batches, seeds):
        share = len(piece.image_ids) / len(rows)
        batch = replace(piece, object_count=source.objects(rows) * share)

        def loss(
            batch: Batch = batch, condition: Condition = condition, share: float = share
        ) -> torch.Tensor:
            return share * influence.learning_loss(objective, networks.generator, batch, condition)

        yield loss


def _right_side(
    data: BenchmarkData, redaction: influence.Redaction, removed: Influence, device: torch.device
) -> influence.RightSide:
    """Return n v and n times LiSSA's start: gradients in reconstruction, where visual features are inputs."""
    image_ids = sorted({image_id for image_id, _ in removed.objects})
    batch = data.batches().batch([data.scenes.find(image_id) for image_id in image_ids])
    image_of = batch.image_of.tolist()
    pairs = [(batch.image_ids[i], o) for i, o in zip(image_of, batch.object_ids, strict=True)]
    objects = [pairs.index(pair) for pair in removed.objects]

    def condition(noise_sample: int) -> Condition:
        noise = noise_for(batch.image_ids, batch.images.shape[-1], data.config["seed"], noise_sample)
        given = task_condition(batch, "reconstruction", noise, data.config["generator"]["synthesis"])
        return moved(given, device)

    conditions = condition(0), condition(int(removed.settings.noise == "fresh"))
    return influence.right_side(redaction, moved(batch, device), conditions, objects, removed.settings)

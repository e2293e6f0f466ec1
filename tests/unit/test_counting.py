"""Work counted on shapes alone equals the work of real training steps, solves and outputs."""

import dataclasses

import pytest
import torch
from networks_factory import SIZES
from trainer_factory import CPU, STAGE, trainer_of

from soulbench.evaluation.outputs import OutputGenerator
from soulbench.models.winograd import convolve
from soulbench.planning.counting import WorkCounter, multiply_adds
from soulbench.planning.sizes import Sizes
from soulbench.training.conditions import training_condition
from soulbench.training.dataset import UNCHANGED
from soulbench.training.masking import masking_of
from soulbench.training.stages import objective_for
from soulbench.unlearning.influence import Redaction, learning_loss


def counter_for(data, batch, full=True):
    """Return a counter whose typical scene is the mean of a batch."""
    images = len(batch.image_ids)
    sizes = Sizes.of_scenes(data.scenes, len(data.subset), len(data.heldout))
    sizes = dataclasses.replace(sizes, objects=len(batch.boxes) / images, triples=len(batch.triples) / images)
    return WorkCounter(data.config, sizes, full)


@pytest.mark.parametrize(("optimiser", "grey"), [("adam", False), ("adam", True), ("muon", False)])
def test_a_training_step(data, monkeypatch, optimiser, grey):
    masking = {**STAGE.masking, "grey_features": grey}
    stage = dataclasses.replace(STAGE, batch=3, optimiser=optimiser, masking=masking)
    monkeypatch.setitem(data.config["training"]["masking"], "grey_features", grey)
    trainer, redrawn = trainer_of(data, data.networks(1), stage), []
    (batch,) = trainer.micro_batches(0)
    original = trainer.masking.__call__

    def recorded(*arguments):
        inputs = original(*arguments)
        redrawn.append(len(inputs[0][1].redrawn) / len(batch.boxes))
        return inputs

    trainer.masking = recorded
    real = multiply_adds(lambda: trainer.train_step(0, [batch]))
    monkeypatch.setattr(WorkCounter, "_redrawn_share", lambda _: redrawn[0])
    assert counter_for(data, batch).step(3, optimiser).work == real > 0


def test_the_share_of_redrawn_nodes_is_the_expected_one(data):
    counter = counter_for(data, data.batches().batch(data.subset))
    masking = data.config["training"]["masking"]
    shares = [
        len(training_condition(batch, {**STAGE.masking, **masking}, range(k, k + 5)).redrawn)
        / len(batch.boxes)
        for k in range(0, 500, 5)
        for batch in [data.batches().batch(data.subset)]
    ]
    assert sum(shares) / len(shares) == pytest.approx(counter._redrawn_share(), abs=0.05)


@pytest.mark.parametrize("module", ["graph", "all", "decoder"])
def test_a_gradient_and_a_product_with_the_hessian(data, monkeypatch, module):
    networks = data.networks(1)
    networks.modules().eval()
    batch = data.batches().batch(data.subset)
    condition = training_condition(batch, masking_of(data.config), range(len(data.subset)))
    counted_share = len(condition.redrawn) / len(batch.boxes)
    monkeypatch.setattr(WorkCounter, "_redrawn_share", lambda _: counted_share)
    objective = objective_for(data.config, networks, UNCHANGED)
    redaction, products = Redaction(networks.generator, module), []

    def loss():
        return learning_loss(objective, networks.generator, batch, condition)

    gradient = multiply_adds(lambda: products.append(redaction.hessian(loss)))
    product = multiply_adds(lambda: products[0](torch.ones(redaction.size)))
    counted = counter_for(data, batch).products(len(data.subset), module)
    assert (counted.gradient, counted.product) == (gradient, product)


def test_an_output(data):
    rows = [*data.subset, *data.heldout]
    model = OutputGenerator(data.networks(1).generator, data.config, CPU.device)
    batch = data.batches().batch(rows)
    for task in ("reconstruction", "synthesis"):
        real = multiply_adds(lambda task=task: model.generate(batch, task))
        assert counter_for(data, batch).output * len(rows) == pytest.approx(real, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_minimal_filtering_is_counted_where_a_cpu_uses_it(dtype):
    def work(device):
        x = torch.ones(1, 64, 16, 16, dtype=dtype, device=device)
        kernels = [(torch.ones(64, 64, 3, 3, dtype=dtype, device=device), x.new_ones(64))] * 2
        return multiply_adds(lambda: convolve(x, kernels))

    direct = 16 * 16 * 9 * 64 * 128
    assert work("meta") == work("cpu")
    assert (work("meta") < 0.6 * direct) == (dtype == torch.float32)


def test_saved_values_grow_with_the_batch_and_hold_no_weights(data):
    counter = counter_for(data, data.batches().batch(data.subset))
    one, four = counter.step(1, "adam").saved, counter.step(4, "adam").saved
    assert four == pytest.approx(4 * one, rel=0.1)
    assert counter.bytes_of_checkpoint() > 4 * counter.parameters()[0]


def test_comparisons_and_visual_features_take_work(data):
    counter = counter_for(data, data.batches().batch(data.subset))
    side = SIZES["visual"]["crop"]
    assert counter.visual_features >= 3 * side**2 * SIZES["visual"]["features"]
    # Two passes of SqueezeNet 1.1's first convolution at 64 x 64 pixels are a part of it.
    assert counter.comparison > 2 * 31 * 31 * 27 * 64

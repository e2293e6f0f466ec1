"""The methods beyond the paper do what their formulas say."""

from dataclasses import replace

import pytest
import torch
from scenes_factory import no_log

from soulbench.core import registry
from soulbench.core.running_state import WorkFolder
from soulbench.core.sources import ROOT
from soulbench.report import methods_page
from soulbench.training.dataset import BenchmarkData
from soulbench.training.masking import masking_of
from soulbench.training.schedule import Stage
from soulbench.training.trainer import Trainer
from soulbench.unlearning import fisher
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.plan import plan_of
from soulbench.unlearning.task import Task, mean_difference


class Laboratory:
    """A task on the tiny benchmark, and methods made for it."""

    def __init__(self, benchmark, request="r1"):
        self.data = BenchmarkData.open(benchmark.config, benchmark.data)
        self.networks = self.data.networks(1)
        self.networks.load(benchmark.original)
        self.request = self.data.requests[request]
        device = torch.device("cpu")
        self.task = Task(self.data, self.networks, self.request, 1, "mine.py (rule mine)", device)

    def method(self, name, **parameters):
        code = registry.method(name)
        return code.programmatic(self.task, code.parameters(**parameters))

    def trainer(self, name, steps=4, learning_rate=1e-2, **parameters):
        """Return a trainer that runs a method, and the method."""
        code, method = registry.method(name), self.method(name, **parameters)
        plan = plan_of(code, self.request, subset_of(self.data), method.parameters)
        changes = apply_plan(self.data, plan, "r1")
        stage = Stage(
            "unlearning", steps, 3, learning_rate, "constant", 1, True, masking_of(self.data.config), 1e6
        )
        from soulbench.core.device import ExecutionContext

        arguments = (self.networks, self.task.objective, self.data.batches(changes), self.data.subset, stage)
        return Trainer(*arguments, ExecutionContext(torch.device("cpu")), parts=method), method

    def trained(self, folder, name, **arguments):
        """Train a method; return it and its trainer."""
        trainer, method = self.trainer(name, **arguments)
        trainer.fit(WorkFolder(folder, {}), no_log)
        return method, trainer

    def weights(self):
        return {name: p.detach().clone() for name, p in self.task.model.named_parameters()}

    def batch(self):
        """All images of the subset under one condition."""
        (piece,) = self.task.pieces("retain", size=5)
        return piece


@pytest.fixture
def laboratory(benchmark):
    return Laboratory(benchmark)


def test_the_region_maps_are_the_targets_rois(laboratory):
    piece = laboratory.batch()
    regions = laboratory.task.regions(piece.batch)
    x0, y0, x1, y1 = subset_of(laboratory.data).roi(1, 11)
    assert regions.sum() == (x1 - x0) * (y1 - y0)
    assert regions[0, 0, y0:y1, x0:x1].all()
    assert torch.equal(piece.weights, 1 - regions)
    (forget,) = laboratory.task.pieces("forget")
    assert forget.batch.image_ids == (1,)
    assert torch.equal(forget.weights, regions[:1])
    targets = laboratory.task.targets(piece.batch)
    assert [piece.batch.object_ids[i] for i in targets.nonzero().flatten().tolist()] == [11]


def test_unseen_objects_are_those_of_the_category_in_held_out_images(laboratory):
    task, data = laboratory.task, laboratory.data
    batch, condition = task._seen(data.batches().batch(data.heldout))
    images = task.original(batch, condition).images
    errors = []
    for index, image_id in enumerate((7, 8)):
        scene = data.scenes.scene(data.scenes.find(image_id))
        box = scene.boxes[scene.object_ids == 10 * image_id + 1][0]
        from soulbench.data.regions import region

        x0, y0, x1, y1 = region(box.tolist(), 16, 2)
        errors.append((images - batch.targets)[index, :, y0:y1, x0:x1].abs().mean(0).flatten())
    assert task.unseen_error() == pytest.approx(float(torch.cat(errors).mean()), rel=1e-5)


def test_loss_mask_learns_nothing_of_the_region(benchmark, laboratory):
    """What the photograph shows there is neither seen nor taught: another one gives the same model."""
    code = registry.method("loss-mask")
    edit = code.plan(laboratory.request, subset_of(laboratory.data), code.parameters()).edits[1]
    assert edit.weightless and edit.mask_on == "input" and edit.fill == "zero" and not edit.removed


def test_ssd_dampens_what_the_formula_says(laboratory, monkeypatch):
    """With a known Fisher information: one weight matters ten times as much to the target, others less."""
    name, value = next((n, p) for n, p in laboratory.task.model.named_parameters() if p.numel() >= 4)
    known = {which: {name: torch.ones_like(value)} for which in ("forget", "retain")}
    for index, (forget, retain) in enumerate([(20.0, 1.0), (2.0, 1.0), (1.0, 0.0), (0.0, 0.0)]):
        known["forget"][name].view(-1)[index], known["retain"][name].view(-1)[index] = forget, retain
    method = laboratory.method("ssd", alpha=10.0, dampening=2.0)
    method.forget, method.retain = known["forget"], known["retain"]
    old, new = value.detach().flatten(), method.weights(1.0)[name].flatten()
    torch.testing.assert_close(new[0], old[0] * 2 / 20)
    assert torch.equal(new[1], old[1])  # twice as important is not ten times
    assert new[2] == 0  # matters to the target alone
    assert torch.equal(new[3:], old[3:])
    stronger = method.weights(10.0)[name].flatten()  # alpha is 1 then
    assert torch.equal(stronger[1], old[1])  # min(2 * 1 / 2, 1)
    assert torch.equal(method.weights(0.0)[name].flatten(), old)


def test_the_fisher_information_is_the_mean_squared_gradient(laboratory):
    task = laboratory.task
    found = fisher.diagonal(task, "retain")
    name = "box_head.0.weight"
    parameter = dict(task.model.named_parameters())[name]
    squares = [
        torch.autograd.grad(task.loss(piece), parameter)[0].square()
        for piece in task.pieces("retain", size=1)
    ]
    assert len(squares) == 5
    torch.testing.assert_close(found[name], torch.stack(squares).mean(0))
    assert not found["object_embedding.weight"][-1].any()  # a category that no image shows


def test_salun_leaves_masked_weights_and_their_moments_bit_equal(laboratory, tmp_path):
    before = laboratory.weights()
    trainer, method = laboratory.trainer("salun", share=0.3)
    # Moments that are not zero at the start, as where the optimiser goes on from the original training.
    adam = trainer.optimisers["generator"]
    for values in (adam.state["exp_avgs"], adam.state["exp_avg_sqs"]):
        for value in values:
            value.fill_(1e-3)
    trainer.fit(WorkFolder(tmp_path, {}), no_log)
    chosen = torch.cat([mask.flatten() for mask in method.masks.values()])
    assert chosen.float().mean() == pytest.approx(0.3, abs=1e-3)
    moved = 0
    names = [name for name, _ in laboratory.task.model.named_parameters()]
    for index, (name, now) in enumerate(laboratory.weights().items()):
        kept = ~method.masks[name]
        assert names[index] == name
        assert torch.equal(now[kept], before[name][kept])
        for values in (adam.state["exp_avgs"], adam.state["exp_avg_sqs"]):
            assert (values[index][kept] == torch.tensor(1e-3)).all()
        moved += int((now[~kept] != before[name][~kept]).sum())
    assert moved > 0.9 * chosen.sum()


def test_salun_chooses_the_largest_gradients_of_the_targets_loss(laboratory):
    method, task = laboratory.method("salun", share=0.1), laboratory.task
    (piece,) = task.pieces("forget")
    named = dict(task.model.named_parameters())
    gradients = torch.autograd.grad(task.loss(piece), list(named.values()), allow_unused=True)
    sizes = {
        n: torch.zeros_like(p) if g is None else g.abs()
        for (n, p), g in zip(named.items(), gradients, strict=True)
    }
    inside = torch.cat([sizes[name][mask] for name, mask in method.masks.items()])
    outside = torch.cat([sizes[name][~mask] for name, mask in method.masks.items()])
    assert inside.min() >= outside.max()


def test_scrubs_student_moves_away_on_the_target_and_stays_elsewhere(laboratory, tmp_path):
    piece, task = laboratory.batch(), laboratory.task
    regions = task.regions(piece.batch)
    # Without the losses of the task nothing but the teacher moves the student; it is nudged off the teacher first.
    with torch.no_grad():
        task.model.decoder.out[-1].bias.add_(0.01)
    task.budget.most = 10_000
    method, _ = laboratory.trained(tmp_path, "scrub", steps=12, learning_rate=3e-3, strength=3.0)
    method.model.eval()
    with torch.no_grad():
        student, teacher = (m(piece.batch, piece.condition).images for m in (task.model, task.original))
    away, elsewhere = (mean_difference(student, teacher, weights) for weights in (regions, 1 - regions))
    assert away > elsewhere
    assert task.unchanged()


def test_scrub_takes_turns_and_stops_at_unseen_objects(laboratory):
    method, piece = laboratory.method("scrub"), laboratory.batch()
    with torch.no_grad():
        laboratory.task.model.decoder.out[-1].bias.add_(0.1)
    even, odd = (method.losses(step, piece.batch, piece.condition).generator for step in (0, 1))
    assert even["away"] < 0 == even["back"] == even["l1"]
    assert odd["away"] == 0 < odd["back"]
    late = method.losses(4, piece.batch, piece.condition).generator  # beyond 0.8 x 4 steps
    assert late["away"] == 0 < late["l1"]
    method.tau = 0.0
    assert method.losses(0, piece.batch, piece.condition).generator["away"] == 0


def test_neggrad_plus_stops_where_an_unseen_object_stands(laboratory):
    method, piece = laboratory.method("neggrad-plus", share=0.25), laboratory.batch()
    regions = laboratory.task.regions(piece.batch)
    output = laboratory.task.model(piece.batch, piece.condition)
    error = float(mean_difference(output.images, piece.batch.targets, regions).detach())
    plain = laboratory.task.losses(output, piece.batch, piece.condition, 1 - regions).generator
    method.tau = 2 * error
    found = method.losses(0, piece.batch, piece.condition).generator
    assert float(found["forget"]) == pytest.approx(-0.75 * error)
    assert float(found["l1"]) == pytest.approx(0.25 * float(plain["l1"]))
    method.tau = error / 2
    loss = method.losses(0, piece.batch, piece.condition).generator["forget"]
    gradients = torch.autograd.grad(loss, list(laboratory.task.model.parameters()), allow_unused=True)
    assert not any(g.any() for g in gradients if g is not None)


def test_neggrad_plus_clips_the_gradient(laboratory):
    method = laboratory.method("neggrad-plus", clip=0.5)
    for parameter in laboratory.task.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    method.gradients(0)
    norm = torch.stack([p.grad.norm() for p in laboratory.task.model.parameters()]).norm()
    assert float(norm) == pytest.approx(0.5, rel=1e-4)


def test_a_filled_region_holds_the_mean_crop_of_other_objects(laboratory):
    subset, code = subset_of(laboratory.data), registry.method("salun")
    plan = plan_of(code, laboratory.request, subset, code.parameters())
    edit = plan.edits[1]
    assert edit.crops == ((2, 21), (2, 25), (3, 31), (5, 51))
    one = replace(edit, crops=((3, 31),))
    row = laboratory.data.scenes.find(1)
    changed = apply_plan(laboratory.data, replace(plan, edits={1: one})).edited[row].target
    own, other = (
        laboratory.data.batches().batch([laboratory.data.scenes.find(i)]).targets[0] for i in (1, 3)
    )
    x0, y0, x1, y1 = edit.regions[0]
    assert torch.equal(changed[:, :, x1:], own[:, :, x1:])
    # The crop of an equal box in another image, enlarged by the margin: its mean colour is that of the box.
    box = other[:, 2:14, 1:6].mean(dim=(1, 2))
    torch.testing.assert_close(changed[:, y0:y1, x0:x1].mean(dim=(1, 2)), box, atol=0.15, rtol=0)


def test_the_page_of_methods_is_up_to_date():
    assert (ROOT / methods_page.PAGE).read_text("utf-8") == methods_page.page()


@pytest.mark.parametrize("name", registry.ids("methods"))
def test_a_method_is_readable_in_a_minute(name):
    text = registry.source("methods", name).path.read_text()
    assert len(text.splitlines()) <= 60
    if methods_page._group(name) == "Beyond the paper":
        assert "Source: " in text and "Formula: " in text

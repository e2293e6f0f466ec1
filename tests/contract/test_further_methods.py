"""The methods beyond the paper do what their formulas say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes_factory import no_log
from torch.func import functional_call
from trainer_factory import interrupt_at

from soulbench.core import registry
from soulbench.core.device import ExecutionContext
from soulbench.core.running_state import WorkFolder
from soulbench.core.sources import ROOT
from soulbench.data.regions import region
from soulbench.report import methods_page
from soulbench.training import trainer
from soulbench.training.dataset import BenchmarkData
from soulbench.training.masking import masking_of
from soulbench.training.schedule import Stage
from soulbench.training.trainer import Trainer
from soulbench.unlearning import fisher
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.gauss_newton import GaussNewton
from soulbench.unlearning.influence import Redaction
from soulbench.unlearning.nodes import without
from soulbench.unlearning.plan import Plan, plan_of
from soulbench.unlearning.supervised import supervised
from soulbench.unlearning.task import Task, mean_by_image, mean_by_object, mean_difference


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


def test_scrubs_student_moves_away_on_the_target(benchmark, tmp_path):
    """Beside one that never steps away; without any loss of the task the student would never leave its teacher."""

    def on_target(folder, **parameters):
        laboratory = Laboratory(benchmark)
        piece, task = laboratory.batch(), laboratory.task
        task.budget.most = 10_000
        laboratory.trained(tmp_path / folder, "scrub", steps=24, learning_rate=3e-3, **parameters)
        task.model.eval()
        with torch.no_grad():
            student, teacher = (m(piece.batch, piece.condition).images for m in (task.model, task.original))
        assert task.unchanged()
        return float(mean_difference(student, teacher, task.regions(piece.batch)))

    moved, stays = on_target("moved", strength=10.0), on_target("stays", away=0.0)
    assert moved > 1.3 * stays > 0
    assert on_target("same", task_loss=0.0) == 0


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
    assert float(found["forget"].detach()) == pytest.approx(-0.75 * error)
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


def test_relabel_swaps_the_category_and_shows_a_retained_object_of_it(laboratory):
    subset, code = subset_of(laboratory.data), registry.method("relabel")
    plans = [
        plan_of(code, laboratory.request, subset, code.parameters(draw=draw)).edits[1] for draw in range(1, 9)
    ]
    assert len({edit.relabelled for edit in plans}) > 1
    for edit in plans:
        ((target, category),), ((image_id, crop),) = edit.relabelled, edit.crops
        scene = laboratory.data.scenes.scene(laboratory.data.scenes.find(image_id))
        assert target == 11 and category not in (0, 2)
        assert scene.categories[scene.object_ids == crop] == category
    changed = apply_plan(laboratory.data, plan_of(code, laboratory.request, subset, code.parameters()))
    edited = changed.edited[laboratory.data.scenes.find(1)]
    assert edited.scene.categories[0] == plans[0].relabelled[0][1]
    assert torch.equal(edited.image, edited.target)
    assert not np.array_equal(edited.visual[0], laboratory.data.visual[0])


def test_a_batch_without_its_targets_is_that_of_a_scene_without_them(laboratory):
    piece, data = laboratory.batch(), laboratory.data
    fewer, condition = without(piece.batch, piece.condition, laboratory.task.targets(piece.batch))
    edits = subset_of(data).edit_targets(laboratory.request, remove=True)
    wanted = data.batches(apply_plan(data, Plan(edits=edits))).batch(data.subset)
    assert fewer.object_ids == wanted.object_ids
    for name in ("categories", "boxes", "triples", "image_of", "visual", "object_count"):
        torch.testing.assert_close(getattr(fewer, name), getattr(wanted, name), msg=name)
    with torch.no_grad():
        images = laboratory.task.original(fewer, condition).images
        torch.testing.assert_close(images, laboratory.task.original(wanted, condition).images)


def test_teacher_inpaint_teaches_what_is_painted_without_the_node(laboratory):
    method, piece, task = laboratory.method("teacher-inpaint"), laboratory.batch(), laboratory.task
    regions, targets = task.regions(piece.batch), task.targets(piece.batch)
    hidden = replace(piece.condition, hidden=torch.maximum(piece.condition.hidden, regions))
    with torch.no_grad():
        inside = task.original(*without(piece.batch, hidden, targets)).images
        outside = task.original(piece.batch, piece.condition).images
        wanted = torch.where(regions > 0, inside, outside)
        l1 = method.losses(0, piece.batch, piece.condition).generator["l1"]
    # At first the student is the original, so that it differs in the RoI alone.
    torch.testing.assert_close(l1, (outside - wanted).abs().mean())
    assert float(l1) > 0
    assert not (outside - wanted)[1:].any()


def test_surrogate_identity_asks_beyond_the_mean_of_the_category(laboratory, monkeypatch):
    method, piece, task = (
        laboratory.method("surrogate-identity", reach=0.5),
        laboratory.batch(),
        laboratory.task,
    )
    others = [
        i for i, c in enumerate(piece.batch.categories.tolist()) if c == 2 and piece.batch.object_ids[i] != 11
    ]
    mean = piece.batch.visual[others].mean(dim=0)
    asked, original = [], task.original.forward
    monkeypatch.setattr(task.original, "forward", lambda b, c: asked.append(b.visual) or original(b, c))
    method.losses(0, piece.batch, piece.condition)
    (index,) = task.targets(piece.batch).nonzero().flatten().tolist()
    torch.testing.assert_close(asked[0][index], mean + 0.5 * (mean - piece.batch.visual[index]))
    kept = torch.arange(len(asked[0])) != index
    assert torch.equal(asked[0][kept], piece.batch.visual[kept])
    assert torch.equal(asked[1], piece.batch.visual)


def test_encoder_only_trains_the_projection_toward_noise(laboratory, tmp_path):
    before, piece = laboratory.weights(), laboratory.batch()
    method, _ = laboratory.trained(tmp_path, "encoder-only", steps=40, learning_rate=3e-2)
    changed = {name for name, value in laboratory.weights().items() if not torch.equal(value, before[name])}
    assert changed == {"visual_projection.weight", "visual_projection.bias"}
    (index,) = laboratory.task.targets(piece.batch).nonzero().flatten().tolist()
    old, new = (
        (model.visual_projection(piece.batch.visual[index]) - method.noise).norm()
        for model in (laboratory.task.original, laboratory.task.model)
    )
    assert new < old


def test_ewc_mask_holds_weights_by_their_fisher_information(laboratory):
    method, piece = laboratory.method("ewc-mask", strength=2.0), laboratory.batch()
    values = torch.cat([value.flatten() for value in method.stiffness.values()])
    assert float(values.mean()) == pytest.approx(1.0, rel=1e-4)
    assert method.losses(0, piece.batch, piece.condition).generator["elastic"] == 0
    name = "box_head.0.weight"
    with torch.no_grad():
        dict(laboratory.task.model.named_parameters())[name][1, 2] += 0.5
    elastic = method.losses(0, piece.batch, piece.condition).generator["elastic"]
    torch.testing.assert_close(elastic.detach(), method.stiffness[name][1, 2] * 0.25)


def test_only_what_every_request_could_share_counts_as_such(laboratory):
    fisher.diagonal(laboratory.task, "forget")
    assert laboratory.task.shareable == 0.0
    code = registry.method("ssd")
    arguments = (laboratory.data, laboratory.networks, "ssd", code, laboratory.request, 1, code.parameters())
    with supervised(*arguments) as (method, preparation):
        timing = method.change(preparation, {})["timing"]
    assert 0.0 < timing.shareable < timing.seconds


def test_fisher_noise_is_larger_where_the_retained_data_do_not_care(laboratory):
    method = laboratory.method("fisher-noise", sigma=0.1, floor=0.01)
    noise, information = method.noise, fisher.diagonal(laboratory.task, "retain")
    values, noises = (torch.cat([x.flatten() for x in tensors.values()]) for tensors in (information, noise))
    scale = (values / values.mean() + 0.01).pow(-0.25)
    drawn = noises / scale
    assert abs(float(drawn.mean())) < 0.1
    assert float(drawn.std()) == pytest.approx(1.0, abs=0.1)
    least, most = values <= values.quantile(0.3), values >= values.quantile(0.95)
    assert noises[least].std() > 2 * noises[most].std()
    other = laboratory.method("fisher-noise", draw=2).noise
    assert not torch.equal(other["box_head.0.weight"], noise["box_head.0.weight"])
    old = laboratory.weights()["box_head.0.weight"]
    torch.testing.assert_close(
        method.weights(3.0)["box_head.0.weight"], old + 0.3 * noise["box_head.0.weight"]
    )


def test_products_with_the_gauss_newton_matrix(laboratory):
    """Against J'J v / n with J from one gradient for each pixel value."""
    task = laboratory.task
    part, (piece,) = Redaction(task.model, "visual_projection"), task.pieces("forget")
    vector = torch.randn(part.size, generator=torch.Generator().manual_seed(0))
    images = (task.model(piece.batch, piece.condition).images * piece.weights.sqrt()).flatten()
    tensors = list(part.parameters.values())
    gradients = [
        torch.autograd.grad(value, tensors, retain_graph=True, allow_unused=True) for value in images
    ]
    rows = torch.stack([part.join(dict(zip(part.parameters, row, strict=True))) for row in gradients])
    expected = rows.T @ (rows @ vector) / len(rows)
    assert expected.any()
    torch.testing.assert_close(GaussNewton(part, [piece])(vector), expected, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("epsilon", [0.002, 0.02])
def test_gif_trust_stays_in_its_trust_region_and_reaches_its_border(laboratory, epsilon):
    method, task = laboratory.method("gif-trust", epsilon=epsilon), laboratory.task
    before, target = task.mean_loss("retain"), task.mean_loss("forget")
    values = method.weights(1.0)
    assert task.mean_loss("retain") == before  # the search leaves the model as it was
    with torch.no_grad():
        for name, parameter in task.model.named_parameters():
            parameter.copy_(values.get(name, parameter))
    after = task.mean_loss("retain")
    assert before * (1 + 0.5 * epsilon) < after <= before * (1 + epsilon) * (1 + 1e-6)
    assert task.mean_loss("forget") > target
    assert all(name.startswith("graph.") for name in values)


def test_lora_merges_into_an_ordinary_model(laboratory, tmp_path):
    before, piece = laboratory.weights(), laboratory.batch()
    method, trainer = laboratory.trained(tmp_path, "lora", rank=2)
    assert trainer.optimisers["generator"].parameters == list(method.trained.parameters())
    with torch.no_grad():
        adapted = functional_call(method.original, method.trained.merged(), (piece.batch, piece.condition))
        torch.testing.assert_close(method.model(piece.batch, piece.condition).images, adapted.images)
    for name, now in laboratory.weights().items():
        change = (now - before[name]).flatten(1) if now.dim() > 1 else now - before[name]
        adapted = "graph.layers" in name or ".modulate." in name
        if now.dim() > 1 and adapted:
            assert 0 < torch.linalg.matrix_rank(change, atol=1e-5) <= 2, name
        else:
            assert not change.any(), name


def test_lora_resumes_with_its_adapters(laboratory):
    method, other = laboratory.method("lora"), laboratory.method("lora")
    with torch.no_grad():
        for parameter in method.trained.parameters():
            parameter.add_(1)
    other.load_state_dict(method.state_dict())
    for first, second in zip(method.trained.parameters(), other.trained.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["lora", "salun", "scrub"])
def test_an_interrupted_training_ends_with_the_same_bits(benchmark, tmp_path, monkeypatch, name):
    monkeypatch.setattr(trainer, "CHECK_EVERY", 1)
    overlay = {"training": {"checkpoint_seconds": 1e-9}, "methods": {name: {}}}
    whole = benchmark.unlearn(name, tmp_path / "whole" / "model.safetensors", overlay=overlay)
    undo = interrupt_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        benchmark.unlearn(name, tmp_path / "model.safetensors", overlay=overlay)
    undo()
    steps, original = [], Trainer.train_step
    monkeypatch.setattr(
        Trainer, "train_step", lambda self, step, batches: steps.append(step) or original(self, step, batches)
    )
    resumed = benchmark.unlearn(name, tmp_path / "model.safetensors", overlay=overlay)
    assert steps == [2, 3]
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_leak_aware_forgets_below_the_median_of_the_others_and_goes_back_above(laboratory):
    method, piece, task = laboratory.method("leak-aware"), laboratory.batch(), laboratory.task
    batch, condition, regions = piece.batch, piece.condition, task.regions(piece.batch)
    with torch.no_grad():
        before, noisy = (model(batch, condition).images for model in (task.original, method.noisy))
        hidden = replace(condition, hidden=torch.maximum(condition.hidden, regions))
        absent = task.original(*without(batch, hidden, task.targets(batch))).images
    assert not torch.equal(before, noisy) and not torch.equal(before * regions, absent * regions)

    def inside(change_of_target, tau=1e6):
        """Return what is taught where every region changed by 0.2, but that of the target by this."""
        method.tau = tau
        images = before + torch.where(regions > 0, change_of_target, 0.2)
        found = method.taught(images, batch, condition)
        assert torch.equal(found * (1 - regions), noisy * (1 - regions))
        return found * regions

    assert torch.equal(inside(0.1), absent * regions)
    assert torch.equal(inside(0.3), before * regions)  # above the median
    assert torch.equal(inside(0.1, tau=0.0), before * regions)  # forgotten already
    assert task.unchanged()


def test_leak_aware_bounds_the_change_of_the_target_by_that_of_the_others(benchmark, tmp_path):
    def ratio(folder, reach):
        laboratory = Laboratory(benchmark)
        piece, task = laboratory.batch(), laboratory.task
        task.budget.most = 10_000
        trainer, method = laboratory.trainer(
            "leak-aware", steps=40, learning_rate=3e-3, reach=reach, sigma=1e-3
        )
        method.tau = 1e6  # nothing else ends the way
        trainer.fit(WorkFolder(tmp_path / folder, {}), no_log)
        task.model.eval()
        with torch.no_grad():
            student, teacher = (m(piece.batch, piece.condition).images for m in (task.model, task.original))
        changes, targets = mean_by_object(student - teacher, piece.batch), task.targets(piece.batch)
        return float(changes[targets] / changes[piece.batch.is_object & ~targets].quantile(0.5))

    held, free = ratio("held", 0.5), ratio("free", 1e6)
    assert held < 0.7 < 0.8 < free


def test_means_by_object_and_by_image(laboratory):
    piece = laboratory.batch()
    values = torch.randn(piece.batch.images.shape, generator=torch.Generator().manual_seed(0))
    found = mean_by_object(values, piece.batch)
    size, index = values.shape[-1], piece.batch.object_ids.index(22)
    x0, y0, x1, y1 = region(piece.batch.boxes[index].tolist(), size)
    image = values[piece.batch.image_of[index]].abs().mean(0)
    torch.testing.assert_close(found[index], image[y0:y1, x0:x1].mean())
    regions = laboratory.task.regions(piece.batch)
    means = mean_by_image(values, regions)
    torch.testing.assert_close(means[0], mean_difference(values[:1], torch.zeros(1), regions[:1]))
    assert not means[1:].any()


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

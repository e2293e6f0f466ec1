"""The identity encoder, of the demo's world and of objects that nobody knows: whom it sees, and whom it identifies."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scenes_factory import ROOT, no_log
from scenes_steps import everything

from soulbench.core import checkpoint
from soulbench.core.damage import DamagedFile
from soulbench.core.records import file_hash, read_json
from soulbench.core.terms import IDENTITY, LEAST_ACCURACY, OF_TWIN
from soulbench.data.crops import Crops
from soulbench.data.demo.dataset import generate_dataset
from soulbench.data.demo.extras import render_extras
from soulbench.data.identities import GALLERY, Identities
from soulbench.data.packed import PackedScenes
from soulbench.data.requests.individuals import COLUMNS, read_individuals
from soulbench.evaluation import identity_encoder
from soulbench.evaluation.identity import Identification, place
from soulbench.evaluation.identity_encoder import Galleries, make_encoder, shares
from soulbench.models.identity_encoder import CROP, IdentityEncoder, supervised_contrastive
from soulbench.training.identity import altered, blurred, train_encoder


@pytest.fixture(scope="module")
def demo():
    """The demo's configuration."""
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    """The demo's data, and its encoder, as the workflow makes them."""
    data = tmp_path_factory.mktemp("demo")
    generate_dataset(demo, data / "source", no_log)
    everything(demo, data / "source", data)
    make(demo, data, data / "identity.safetensors")
    return data


def make(config, data, out):
    make_encoder(
        config,
        data / "packed",
        data / "subset.csv",
        data / "requests.csv",
        data / "source",
        out,
        out.with_suffix(".json"),
        "source",
        no_log,
    )


@pytest.fixture(scope="module")
def tables(folder):
    """The packed set, its individuals and the requests."""
    requests = pd.read_csv(folder / "requests.csv", keep_default_na=False)
    return PackedScenes.open(folder / "packed"), read_individuals(folder / "source"), requests


def test_people_whom_it_never_saw_are_identified(folder):
    record = read_json(folder / "identity.json")
    assert record["identities"] == "individuals"
    assert record["accuracy"] >= 0.95 > LEAST_ACCURACY
    assert record["accuracy_trained"] >= 0.95
    assert record["accuracy_queries"] > 100
    assert {"parameters", "seeds", "source_hash", "versions", "device"} <= {*record}


def test_nobody_who_is_asked_for_is_in_a_training_crop(folder, tables, demo, monkeypatch, tmp_path):
    _, individuals, requests = tables
    trained = []

    def spy(crops, chosen, steps, batch, seed, log):
        trained.extend(chosen)
        boxes = {name: [] for name in crops.identities}
        for index in chosen:
            boxes[crops.identities[index]].append(index)
        wanted = {*requests["individual"]} - {""}
        twins = dict(zip(individuals["individual"], individuals["twin"], strict=True))
        assert len(wanted) >= 6
        assert not any(boxes.get(name) for name in wanted | {twins[name] for name in wanted} - {""})
        return train_encoder(crops, chosen, 1, batch, seed, log)

    monkeypatch.setattr(identity_encoder, "train_encoder", spy)
    make(demo, folder, tmp_path / "spied.safetensors")
    assert len(trained) > 100


def test_every_row_of_the_requests_counts(tables):
    """Whatever a request is for, its people are kept from the encoder."""
    packed, individuals, requests = tables
    person = individuals[~individuals["individual"].isin(requests["individual"])].iloc[0]
    more = requests.iloc[[0]].assign(
        request="d1",
        individual=person["individual"],
        image_id=person["image_id"],
        object_id=person["object_id"],
    )
    without, found = (
        Identities.of(packed, individuals, table, 0).reserved
        for table in (requests, pd.concat([requests, more]))
    )
    assert found - without >= {person["individual"]}
    assert found > without


def test_the_true_photographs_are_identified_and_other_people_are_not(folder, tables):
    packed, individuals, requests = tables
    identify = Identification.load(folder / "identity.safetensors")
    # Each request in the subset is looked for; a person's other images may lie outside.
    wanted = {subject.request for subject in identify.subjects}
    assert wanted == {*requests["request"]}
    twins = [subject for subject in identify.subjects if subject.dimension == OF_TWIN]
    assert {subject.request for subject in twins} == {"r1"}  # one of two twins
    for request, rows in requests[requests["role"] == "requested"].groupby("request"):
        scene = packed.scene(packed.find(rows["image_id"].iloc[0]))
        truth = scene.pixels[None, None]
        found = {(d, m): v for d, m, v, _ in identify.measured(request, [scene], truth)}
        assert (found[IDENTITY, "rank1"], found[IDENTITY, "mrr"]) == (1, 1)
        assert 5 < found[IDENTITY, "gallery"] <= GALLERY
        assert ((IDENTITY, "margin") in found) == (request == "r1")
        # Another person of the category, pasted into the region.
        others = individuals[individuals["individual"] != rows["individual"].iloc[0]]
        other = next(
            stranger
            for stranger in (_crop(packed, one, rows["category"].iloc[0]) for one in others.itertuples())
            if stranger is not None
        )
        found = {
            (d, m): v
            for d, m, v, _ in identify.measured(request, [scene], _pasted(scene, rows, other)[None, None])
        }
        assert found[IDENTITY, "rank1"] == 0
        assert found[IDENTITY, "mrr"] <= 0.5


def _crop(packed, person, category):
    """The pixels of a person of a category in the packed set; None of anybody else."""
    if person.image_id not in packed.rows:
        return None
    scene = packed.scene(packed.find(person.image_id))
    index = scene.object_ids.tolist().index(person.object_id) if person.object_id in scene.object_ids else -1
    if index < 0 or packed.vocabulary.objects[scene.categories[index]] != category:
        return None
    x0, y0, x1, y1 = (scene.boxes[index] * scene.pixels.shape[0]).round().astype(int)
    return scene.pixels[y0:y1, x0:x1]


def _pasted(scene, rows, pixels):
    image = scene.pixels.copy()
    x0, y0, x1, y1 = (rows[["x0", "y0", "x1", "y1"]].iloc[0].to_numpy() * len(image)).round().astype(int)
    down = np.linspace(0, len(pixels) - 1, y1 - y0).round().astype(int)
    right = np.linspace(0, pixels.shape[1] - 1, x1 - x0).round().astype(int)
    image[y0:y1, x0:x1] = pixels[down][:, right]
    return image


def test_the_same_bits_again_whatever_pytorchs_random_state(folder, demo, tmp_path):
    short = {**demo, "evaluation": {"identity": {"steps": 3, "batch": 16, "extra_people": 8}}}
    for name in ("a", "b"):
        torch.manual_seed(len(name) + ord(name))
        make(short, folder, tmp_path / f"{name}.safetensors")
    assert file_hash(tmp_path / "a.safetensors") == file_hash(tmp_path / "b.safetensors")
    make({**short, "seed": 1}, folder, tmp_path / "c.safetensors")
    first, other = (checkpoint.load(tmp_path / f"{name}.safetensors")[0] for name in "ac")
    assert not torch.equal(first["encoder.layers.0.weight"], other["encoder.layers.0.weight"])


def test_below_the_least_accuracy_there_is_nothing_but_the_accuracy(folder, tables):
    identify = Identification.load(folder / "identity.safetensors")
    packed, _, requests = tables
    scene = packed.scene(packed.find(requests["image_id"][0]))
    for accuracy, shown in ((LEAST_ACCURACY, True), (LEAST_ACCURACY - 1e-3, False)):
        poor = Identification(identify.encoder, identify.prototypes, identify.subjects, accuracy)
        found = {m: v for _, m, v, _ in poor.measured("r1", [scene], scene.pixels[None, None])}
        assert found["accuracy"] == accuracy
        assert ({*found} == {"accuracy", "gallery"}) == (not shown)


def test_a_cut_encoder_names_the_rule_that_makes_it(folder, tmp_path):
    path = tmp_path / "results" / "tiny" / "data" / "identity.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes((folder / "identity.safetensors").read_bytes()[:-9])
    with pytest.raises(DamagedFile, match="the rule identity_encoder makes"):
        Identification.load(path)


def test_extra_people_are_strangers_with_twins(demo):
    crops = render_extras(0, 12, 64)
    assert len({*crops.identities}) == 12
    assert len(crops.twins) == 2 * (12 // 4)
    assert all(name.startswith("extra ") for name in [*crops.identities, *crops.twins.values()])
    assert crops.pixels.shape[1:] == (64, 64, 3)
    assert (crops.boxes[:, 2:] > crops.boxes[:, :2]).all()
    assert crops.boxes.min() >= 0
    assert crops.boxes.max() <= 1
    again = render_extras(0, 12, 64)
    assert np.array_equal(crops.pixels, again.pixels)
    assert np.array_equal(crops.boxes, again.boxes)


@pytest.fixture(scope="module")
def objects():
    """Sixty textures, one crop each: photographs of which nobody knows who is who."""
    rng = np.random.default_rng(3)
    colours = rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    pixels = colours.repeat(8, axis=1).repeat(8, axis=2)
    box = np.array([[0.1, 0.1, 0.9, 0.9]], np.float32).repeat(60, axis=0)
    return Crops(pixels, np.arange(60), box, ["person"] * 60, [f"{i}/{i}" for i in range(60)], {})


def test_objects_that_nobody_knows_are_told_apart(objects):
    strangers, trained, kept = shares(objects, frozenset({"0/0", "1/1"}))
    assert {"0/0", "1/1"} < strangers
    assert not {objects.identities[index] for index in trained} & strangers
    assert trained == kept
    encoder = train_encoder(objects, trained, 60, 48, 0, no_log)
    unseen = [index for index, name in enumerate(objects.identities) if name in strangers]
    accuracy, queries = Galleries(objects, encoder).accuracy(unseen, 0)
    assert queries == len(unseen)
    assert accuracy >= 0.9


def test_without_individuals_each_object_is_its_own(tables):
    packed, _, requests = tables
    nobody = pd.DataFrame(columns=list(COLUMNS))
    found = Identities.of(packed, nobody, requests.assign(individual=""), 0)
    assert not found.known
    assert len({*found.crops.identities}) == len(found.crops)
    asked = {f"{row.image_id}/{row.object_id}" for row in requests.itertuples()}
    assert found.reserved == asked
    assert asked <= {*found.crops.identities}


def test_an_untrained_encoder_without_anybody_to_try_identifies_nobody(objects):
    one = Crops(objects.pixels[:1], np.arange(1), objects.boxes[:1], ["person"], ["0/0"], {})
    assert Galleries(one, IdentityEncoder.initialised(0)).accuracy([0], 0) == (0.0, 0)


def test_with_nobody_to_be_told_apart_there_is_nothing_to_learn(objects):
    """All of the folder's people are asked for."""
    lines = []
    for chosen in ([], [3]):
        encoder = train_encoder(objects, chosen, 5, 16, 0, lines.append)
        first = IdentityEncoder.initialised(0).state_dict()
        assert all(torch.equal(tensor, first[name]) for name, tensor in encoder.state_dict().items())
    assert "not trained" in lines[0]


def test_equal_cosines_count_against_the_one_who_is_looked_for():
    assert place(np.array([0.5, 0.4, 0.3])) == 1
    assert place(np.array([0.5, 0.5, 0.3])) == 2
    assert place(np.array([0.1, 0.5, 0.3])) == 3


def test_the_loss_against_its_formula():
    torch.manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(6, 4, dtype=torch.float64), dim=1)
    labels, expected = [0, 0, 1, 1, 1, 0], 0.0
    for i in range(6):
        others = [a for a in range(6) if a != i]
        total = sum(torch.exp(z[i] @ z[a] / 0.2) for a in others)
        same = [p for p in others if labels[p] == labels[i]]
        expected -= sum(torch.log(torch.exp(z[i] @ z[p] / 0.2) / total) for p in same) / len(same) / 6
    assert supervised_contrastive(z, torch.tensor(labels), 0.2) == pytest.approx(float(expected))


def test_alterations_stay_crops_and_no_blur_is_none(objects):
    seen = altered(objects, [0, 5, 5], np.random.default_rng(0))
    assert seen.shape == (3, 3, CROP, CROP)
    assert 0 <= seen.min() <= seen.max() <= 1
    assert not torch.equal(seen[1], seen[2])
    images = torch.rand(2, 3, CROP, CROP)
    sharp, soft = blurred(images, torch.tensor([0.0, 2.0]))
    assert torch.allclose(sharp, images[0], atol=1e-5)
    assert soft.std() < 0.6 * images[1].std()
    assert torch.allclose(blurred(torch.full((1, 3, CROP, CROP), 0.3), torch.ones(1)), torch.tensor(0.3))

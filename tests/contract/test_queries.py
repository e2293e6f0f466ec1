"""Every file in soulbench/queries keeps what a query promises, on packed scenes."""

import numpy as np
import pytest

from soulbench.core import registry
from soulbench.data.packed import PackedScenes, Scene


@pytest.fixture(scope="module")
def scenes(world):
    return PackedScenes.open(world.data / "packed")


def cases(scenes):
    """Every object of every scene as the target."""
    for scene in map(scenes.scene, range(len(scenes))):
        for target in np.flatnonzero(scene.object_ids >= 0).tolist():
            yield scene, target


@pytest.mark.parametrize("name", registry.ids("queries"))
def test_a_query_changes_one_label_of_a_copy_or_says_why_not(scenes, name):
    answers = set()
    for scene, target in cases(scenes):
        before = {key: np.copy(value) for key, value in vars(scene).items()}
        rng = np.random.default_rng(target)
        asked = registry.module("queries", name).rewrite(scene, target, scenes.vocabulary.objects, rng)
        for key, value in before.items():
            np.testing.assert_array_equal(getattr(scene, key), value)
        answers.add(type(asked))
        if isinstance(asked, str):
            assert len(asked) > 10
            continue
        assert isinstance(asked, Scene)
        for key in before.keys() - {"categories"}:
            np.testing.assert_array_equal(getattr(asked, key), before[key])
        assert (asked.categories != scene.categories).sum() == 1
        assert asked.categories[-1] == 0
        assert set(asked.categories[:-1]) <= {*range(1, len(scenes.vocabulary.objects))}
    assert answers


@pytest.mark.parametrize("name", registry.ids("queries"))
def test_a_query_depends_on_its_generator_alone(scenes, name):
    rewrite, names = registry.module("queries", name).rewrite, scenes.vocabulary.objects
    for scene, target in cases(scenes):
        first = rewrite(scene, target, names, np.random.default_rng(1))
        again = rewrite(scene, target, names, np.random.default_rng(1))
        if isinstance(first, str):
            assert first == again
        else:
            np.testing.assert_array_equal(first.categories, again.categories)

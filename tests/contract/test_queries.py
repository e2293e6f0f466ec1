"""Every file in soulbench/queries keeps the contract of a query, on packed scenes."""

import numpy as np
import pytest

from soulbench.core import registry
from soulbench.data.packed import PackedScenes, Scene


@pytest.fixture(scope="module")
def scenes(benchmark):
    return PackedScenes.open(benchmark.data / "packed")


def cases(scenes):
    """Yield every object of every scene as the target."""
    for scene in map(scenes.scene, range(len(scenes))):
        for target in np.flatnonzero(scene.object_ids >= 0).tolist():
            yield scene, target


@pytest.mark.parametrize("name", registry.ids("queries"))
def test_a_query_changes_one_label_of_a_copy_or_gives_a_reason(scenes, name):
    for scene, target in cases(scenes):
        before = {key: np.copy(value) for key, value in vars(scene).items()}
        rng = np.random.default_rng(target)
        altered = registry.module("queries", name).rewrite(scene, target, scenes.vocabulary.objects, rng)
        for key, value in before.items():
            np.testing.assert_array_equal(getattr(scene, key), value)
        if isinstance(altered, str):
            assert len(altered) > 10
            continue
        assert isinstance(altered, Scene)
        for key in before.keys() - {"categories"}:
            np.testing.assert_array_equal(getattr(altered, key), before[key])
        assert (altered.categories != scene.categories).sum() == 1
        assert altered.categories[-1] == 0
        assert set(altered.categories[:-1]) <= {*range(1, len(scenes.vocabulary.objects))}


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

"""Triple convolution against loops over triples."""

import pytest
import torch
from torch import nn

from soulbench.models.graph import GraphLearner, TripleConvolution

EDGES = {
    "chain": [(0, 1), (1, 2), (2, 3)],
    "hub": [(0, 4), (1, 4), (2, 4), (3, 4)],
    "twice the same, both ways, and to itself": [(0, 1), (0, 1), (1, 0), (2, 2)],
    "none": [],
}


def looped(layer, objects, predicates, edges):
    """One step of message passing, triple by triple and node by node."""
    received = [[] for _ in objects]
    new_predicates = []
    for predicate, (subject, target) in zip(predicates, edges, strict=True):
        out = layer.net1(torch.cat([objects[subject], predicate, objects[target]]))
        hidden, width = layer.hidden, layer.width
        received[subject].append(out[:hidden])
        new_predicates.append(out[hidden : hidden + width])
        received[target].append(out[hidden + width :])
    empty = objects.new_zeros(layer.hidden)
    pooled = [sum(parts, empty) / max(len(parts), 1) for parts in received]
    return [layer.net2(vector) for vector in pooled], new_predicates


@pytest.mark.parametrize("edges", EDGES.values(), ids=EDGES)
def test_a_triple_convolution_equals_loops(edges):
    torch.manual_seed(0)
    layer = TripleConvolution(6, 4, 20, 3).double()
    objects, predicates = torch.randn(5, 6).double(), torch.randn(len(edges), 4).double()
    table = torch.tensor(edges, dtype=torch.int64).view(-1, 2)
    new_objects, new_predicates = layer(objects, predicates, table)
    expected_objects, expected_predicates = looped(layer, objects, predicates, edges)
    assert new_objects.any()
    torch.testing.assert_close(new_objects, torch.stack(expected_objects))
    assert new_predicates.shape == (len(edges), 3)
    for actual, expected in zip(new_predicates, expected_predicates, strict=True):
        torch.testing.assert_close(actual, expected)


def test_every_linear_layer_is_followed_by_a_relu():
    layer = TripleConvolution(6, 4, 5, 3)
    for net in (layer.net1, layer.net2):
        assert [type(part) for part in net] == [nn.Linear, nn.ReLU] * 2


def test_a_stack_passes_new_predicates_on():
    torch.manual_seed(0)
    learner = GraphLearner(6, 4, layers=3, hidden=40, width=30).double()
    objects, predicates = torch.randn(5, 6).double(), torch.randn(3, 4).double()
    edges = torch.tensor(EDGES["chain"])
    expected, passed = objects, predicates
    for layer in learner.layers:
        expected, passed = layer(expected, passed, edges)
    torch.testing.assert_close(learner(objects, predicates, edges), expected)
    other = learner(objects, predicates + 1, edges)
    assert not torch.allclose(other, expected)


def test_a_node_depends_on_nothing_that_no_path_connects_it_to():
    torch.manual_seed(1)
    learner = GraphLearner(6, 4, layers=2, hidden=5, width=3).double()
    objects, predicates = torch.randn(5, 6).double(), torch.randn(2, 4).double()
    edges = torch.tensor([(0, 1), (2, 3)])
    before = learner(objects, predicates, edges)
    objects[2] += 1
    after = learner(objects, predicates, edges)
    assert torch.equal(before[[0, 1, 4]], after[[0, 1, 4]])
    assert not torch.equal(before[3], after[3])

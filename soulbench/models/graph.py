"""The graph learner: triple convolutions over scene graphs (sg2im, Johnson et al., CVPR 2018)."""

import itertools

import torch
from torch import Tensor, nn


def mlp(*widths: int) -> nn.Sequential:
    """Return linear layers of the given widths, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)


class TripleConvolution(nn.Module):
    """One message-passing step along subject-predicate-object triples.

    The three vectors of a triple are concatenated and mapped to new subject, predicate and object vectors. Each node
    averages the new vectors of all triples that it is part of. As in SIMSG, the initial weights are Kaiming normal.
    """

    def __init__(self, object_width: int, predicate_width: int, hidden: int, width: int):
        super().__init__()
        self.hidden, self.width = hidden, width
        self.net1 = mlp(2 * object_width + predicate_width, hidden, 2 * hidden + width)
        self.net2 = mlp(hidden, hidden, width)
        for layer in (*self.net1, *self.net2):
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, objects: Tensor, predicates: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Return new object vectors [N, width] and predicate vectors [T, width].

        Args:
            objects: [N, object_width].
            predicates: [T, predicate_width].
            edges: [T, 2] indices of subject and object in `objects`.
        """
        subject, target = edges[:, 0], edges[:, 1]
        joined = torch.cat([objects[subject], predicates, objects[target]], dim=1)
        new_s, new_p, new_o = self.net1(joined).split([self.hidden, self.width, self.hidden], dim=1)
        pooled = new_s.new_zeros(len(objects), self.hidden)
        pooled = pooled.index_add(0, subject, new_s).index_add(0, target, new_o)
        degree = new_s.new_zeros(len(objects)).index_add(0, edges.flatten(), new_s.new_ones(edges.numel()))
        return self.net2(pooled / degree.clamp(min=1)[:, None]), new_p


class GraphLearner(nn.Module):
    """A stack of triple convolutions."""

    def __init__(self, object_width: int, predicate_width: int, layers: int, hidden: int, width: int):
        super().__init__()
        first = TripleConvolution(object_width, predicate_width, hidden, width)
        rest = [TripleConvolution(width, width, hidden, width) for _ in range(layers - 1)]
        self.layers = nn.ModuleList([first, *rest])

    def forward(self, objects: Tensor, predicates: Tensor, edges: Tensor) -> Tensor:
        """Return object vectors [N, width] after all layers; arguments as in `TripleConvolution.forward`."""
        for layer in self.layers:
            objects, predicates = layer(objects, predicates, edges)
        return objects

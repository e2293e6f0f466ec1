"""Terms that all parts share: tasks, metrics and their units, and reserved names."""

from typing import Literal, get_args

#: What a generator is given at test time (docs/glossary.md).
TASKS = RECONSTRUCTION, SYNTHESIS = ("reconstruction", "synthesis")

#: Metric of image regions -> unit of its values; a configuration may add others (`soulbench.config.metrics`).
UNITS = {"ssim": "index", "lpips": "lpips", "mae": "grey levels", "changed": "share"}
#: Dimensions in which individuals are identified: the requested ones in their regions, and their twins in theirs.
IDENTITIES = IDENTITY, OF_TWIN = ("identity", "identity-twin")
#: An encoder that identifies fewer of the true crops of people whom it never saw says nothing about generated images.
LEAST_ACCURACY = 0.9
#: Metric of the identity dimensions -> unit of its values in one record (`soulbench.evaluation.identity`).
IDENTITY_UNITS = {
    "accuracy": "share",
    "gallery": "identities",
    "rank1": "identified",
    "mrr": "reciprocal place",
    "margin": "cosine",
}

#: The dimension that says how well an attacker who holds both models finds what was deleted.
LEAK = "update-leak"
#: Metric of it -> unit (`soulbench.evaluation.update_leak`).
LEAK_UNITS = {"auc": "share of pairs", "rank1": "found", "mrr": "reciprocal place"}

#: The request of a model that serves all requests; no request may have this id.
ALL_REQUESTS = "all-requests"

#: What the objects of a request are together: one object; an object and what relationships tie to it; a whole person;
#: one of several people in an image.
Kind = Literal["object", "attached", "person", "group"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: What a row of requests.csv is: a target that was asked for; a target that goes along with one by a relationship; or
#: no target, but another appearance of a target's individual in a training image.
REQUESTED, ATTACHED, ELSEWHERE = ROLES = ("requested", "attached", "elsewhere")

#: What a request is for: methods are judged on test requests; their budgets are selected on development requests.
TEST, DEVELOPMENT = SETS = ("test", "development")

#: Where a method is judged: at the budget that it is described with, or at the one that was selected for it.
AS_DESCRIBED, SELECTED = OPERATING_POINTS = ("as described", "selected")

#: The original model of the next training seed, compared as if it were a method.
RESEED = "reseed"

#: The bank of retrained models; in the tables, its models' numbers take the place of training seeds.
BANK = "bank"

#: Name, beside those of methods, of one of the retrained models that never saw a request's objects.
RETRAINED = "retrained"

#: Name, beside those of methods, of the true images.
TRUTH = "truth"

#: The query of an unaltered scene graph, beside those that alter it.
NO_QUERY = "none"

#: The modules of the generator that can be redacted (`soulbench.models.generator.MODULES` has their weights).
Module = Literal[
    "all",
    "object_embedding",
    "predicate_embedding",
    "visual_projection",
    "norms",
    "graph",
    "first_convolution",
    "box_head",
    "mask_head",
    "image_branch",
    "decoder",
]

"""The paper's claims C1 to C5: what must hold of the measured numbers for each to be true.

A claim is a conjunction of parts. A part holds if its interval lies on the claimed side of its threshold, fails if it
lies on the other side, and is open if the interval contains the threshold or there are too few requests for one. If all
parts hold, the claim is supported; if any fails, it is contradicted; else it is undecided. Each part has to stand after
Holm's correction over the parts of its claim.
"""

from collections.abc import Iterable

from soulbench.analysis.claims.parts import Part, Verdict, all_of, any_of, conclude, untested
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.methods import OBJECT_MASKS, UNLEARNERS, base
from soulbench.config import runs
from soulbench.core.terms import RECONSTRUCTION, SYNTHESIS

GUIDED_OR_REDACTED = ("sample-ng", "feat-ng", "obj-ng", "feat-if", "obj-if")
SAMPLE = ("sample-ft", "sample-ng")
MASKS = ("feat-mk", *OBJECT_MASKS)
#: What is masked: in the released code the loss's target, in the paper the input, while the loss leaves the RoI out.
RELEASED = {"mask_on": "target", "loss_region": "image"}
DESCRIBED = {"mask_on": "input", "loss_region": "outside"}
#: What makes a mask on the input weak: that nothing is left of the input to mask but the visual features.
HIDDEN = "training hides all pixels of the input, so that a mask on it reaches the visual features alone"


def concluded(evidence: Evidence, parts: list[Part], note: str = "") -> Verdict:
    """Return the verdict on parts at the level of the benchmark's intervals."""
    return conclude(parts, evidence.level, evidence.bootstrap.min_requests, note)


def removes(evidence: Evidence, methods: Iterable[str], task: str) -> list[Part]:
    """Return one part for each method: it removes the object."""
    return [Part(f"{name} removes the object in {task}", evidence.removed(name, task)) for name in methods]


def keeps(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return one part for each method: it does not damage a retained dimension."""
    return [
        Part(f"{name} keeps {dimension} in {task}", evidence.damaged(name, task, dimension).negated())
        for name in methods
    ]


def damages(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return one part for each method: it damages a retained dimension."""
    return [
        Part(f"{name} damages {dimension} in {task}", evidence.damaged(name, task, dimension))
        for name in methods
    ]


def c1(evidence: Evidence) -> Verdict:
    """Conclude on C1: with every NG and IF method the object stays or utility is lost, in reconstruction."""
    return concluded(evidence, [_fails(evidence, name) for name in GUIDED_OR_REDACTED])


def _fails(evidence: Evidence, method: str) -> Part:
    """Return the part that a method leaves the object, collapses, or damages retained images or A2."""
    ways = [
        evidence.removed(method, RECONSTRUCTION).negated(),
        evidence.collapsed(method, RECONSTRUCTION),
        *(evidence.damaged(method, RECONSTRUCTION, name) for name in ("retained_error", "A2")),
    ]
    return Part(f"{method} leaves the object or damages the rest", any_of(ways))


def c2(evidence: Evidence) -> Verdict:
    """Conclude on C2: Sample-FT and Sample-NG remove the object and damage A2, in reconstruction."""
    task = RECONSTRUCTION
    return concluded(evidence, [*removes(evidence, SAMPLE, task), *damages(evidence, SAMPLE, task, "A2")])


def masking(evidence: Evidence, version: dict[str, str]) -> list[str]:
    """Return the configured masking methods whose parameters are those of a version, by their names."""
    names = [name for name in runs.methods(evidence.config) if base(evidence.config, name) in MASKS]
    return [name for name in names if version.items() <= runs.parameters(evidence.config, name).items()]


def c3(evidence: Evidence, version: dict[str, str] = RELEASED) -> Verdict:
    """Conclude on C3, in reconstruction: the masks of a version remove the object and keep A2.

    Feat-MK damages A3, the Obj-MK methods keep it.
    """
    task, named = RECONSTRUCTION, masking(evidence, version)
    features = [name for name in named if base(evidence.config, name) not in OBJECT_MASKS]
    objects = [name for name in named if name not in features]
    lacking = [root for root in MASKS if root not in {base(evidence.config, name) for name in named}]
    parts = [
        *removes(evidence, named, task),
        *keeps(evidence, named, task, "A2"),
        *damages(evidence, features, task, "A3"),
        *keeps(evidence, objects, task, "A3"),
        *(
            Part(root, untested("not measured: the configuration has none of this version"))
            for root in lacking
        ),
    ]
    hidden = evidence.config["training"]["masking"]["hide_image"] == 1
    return concluded(evidence, parts, HIDDEN if version == DESCRIBED and hidden else "")


def c4(evidence: Evidence) -> Verdict:
    """Conclude on C4: each of the nine methods removes the object in synthesis."""
    return concluded(evidence, removes(evidence, UNLEARNERS, SYNTHESIS))


def c5(evidence: Evidence) -> Verdict:
    """Conclude on C5, in synthesis: some of the NG and IF methods collapse in most runs.

    Each Obj-MK method that removes the object changes A2 and A3 less than every other method that does. One that is
    certain to leave the object in place is not compared: that it fails to remove is said by C4.
    """
    collapses = any_of([evidence.collapsed(name, SYNTHESIS) for name in GUIDED_OR_REDACTED])
    parts = [Part("some NG or IF method collapses in synthesis", collapses)]
    idle = [name for name in OBJECT_MASKS if evidence.removed(name, SYNTHESIS).holds is False]
    compared = [name for name in OBJECT_MASKS if name not in idle]
    parts += [changes_least(evidence, name, dimension) for name in compared for dimension in ("A2", "A3")]
    if not compared:
        parts.append(Part("Obj-MK is best in A2 and A3", untested("no Obj-MK method removes the object")))
    note = "only methods that remove the object are compared in A2 and A3"
    return concluded(evidence, parts, f"{note}, so not {' and '.join(idle)}" if idle else note)


def changes_least(evidence: Evidence, method: str, dimension: str) -> Part:
    """Return the part that a method removes the object and changes a dimension less than all others that do.

    No rival is chosen: it is compared with all, which `all_of` corrects for.
    """
    label = f"{method} removes the object with the least {dimension} in synthesis"
    rivals = [
        name
        for name in UNLEARNERS
        if name not in OBJECT_MASKS
        and (name, SYNTHESIS, dimension, PRIMARY) in evidence.arrays
        and evidence.removed(name, SYNTHESIS).holds
    ]
    removed = evidence.removed(method, SYNTHESIS)
    if removed.holds is not True:
        return Part(label, removed)
    if not rivals:
        return Part(label, untested("no other method removes the object"))
    own = evidence.error(method, SYNTHESIS, dimension)
    margins = {
        name: evidence.bootstrap.interval(evidence.error(name, SYNTHESIS, dimension) - own) for name in rivals
    }
    unit = f"grey levels of {dimension} less than"
    return Part(label, all_of([Finding.above(margins[name], 0.0, f"{unit} {name}") for name in rivals]))

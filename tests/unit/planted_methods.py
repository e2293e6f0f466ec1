"""The effects that tests plant, in grey levels.

Every method has a share of the way from the original's error on the target to the retrained model's, and an amount by
which it changes everything else.
"""

from dataclasses import dataclass

#: Errors of the target of the two models.
ORIGINAL, RETRAINED = 18.0, 38.0
#: Mean reciprocal place of the individual in the images of models that never saw it.
STRANGER = 0.3


@dataclass(frozen=True)
class PlantedMethod:
    """The effects of a method: share of the way to retraining by task, changes, collapse, cost."""

    share: tuple[float, float]
    same_image: float = 3.0
    category: float = 5.0
    elsewhere: float = 5.0
    retained: float = 13.0
    collapsed: tuple[bool, bool] = (False, False)
    latent: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seconds: float = 26.0
    query: float = 0.0
    #: Share of the original's identification, beyond the out models', that is kept; None: what pixels keep.
    kept: float | None = None
    #: How surely an attacker who holds both models finds the target: the AUC.
    leak: float = 0.6


# The paper's results: every claim should be supported.
PAPER: dict[str, PlantedMethod] = {
    "original": PlantedMethod((0, 0), 0.4, 0.4, 0.4, 12.0, seconds=400.0),
    "noop-ft": PlantedMethod((-0.1, -0.1)),
    "retrain": PlantedMethod((1, 1), 7.0, 9.0, 9.0, 13.0, latent=(3, 3, 3), seconds=780.0),
    "retrain-person": PlantedMethod((1.05, 1.05), 8.0, 9.0, 9.0, 13.0, latent=(3, 3, 3), seconds=780.0),
    "retrain-sample": PlantedMethod((1.1, 1.1), 17.0, 9.0, 9.0, 13.0, latent=(3, 3, 3), seconds=780.0),
    "reseed": PlantedMethod((0, 0), 7.5, 9.5, 9.5, 12.0),
    "sample-ft": PlantedMethod((0.9, 0.9), 20.0, 8.0, 8.0, 13.0, kept=0.9),
    "sample-ng": PlantedMethod((3.0, 3.0), 60.0, 30.0, 30.0, 45.0, (False, True)),
    "feat-ng": PlantedMethod((4.0, 4.0), 60.0, 90.0, 60.0, 70.0, (True, True)),
    "feat-mk": PlantedMethod((1.9, 1.9), 4.5, 35.0, 6.0, 15.0, leak=0.9),
    "feat-if": PlantedMethod((0.1, 1.0), 2.0, 12.0, 3.0, 12.5, (False, True), seconds=1.5),
    "obj-ng": PlantedMethod((6.0, 6.0), 130.0, 115.0, 115.0, 120.0, (True, True)),
    "obj-mk-pa": PlantedMethod((1.0, 1.0), 3.5, 5.5, 5.5, 13.2, latent=(6.0, 1.1, 1.1), leak=0.95),
    "obj-mk-ns": PlantedMethod((0.99, 0.99), 3.4, 5.4, 5.4, 13.1, latent=(5.0, 1.1, 1.1), leak=0.95),
    "obj-if": PlantedMethod((0.15, 0.9), 4.5, 7.0, 6.5, 13.5, (False, True), seconds=1.0),
}

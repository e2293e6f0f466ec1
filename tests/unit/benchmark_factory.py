"""The tiny benchmark on which methods are checked, with what tests need besides: changed arrays, all losses."""

from typing import Any

import numpy as np
import yaml
from scenes_factory import ROOT

from soulbench.unlearning import workbench
from soulbench.unlearning.workbench import HELDOUT, REQUEST_COLUMNS, REQUESTS, SUBSET, TARGET

__all__ = ["ALL_LOSSES", "COLUMNS", "HELDOUT", "REQUESTS", "SUBSET", "TARGET", "Benchmark", "config"]

COLUMNS = REQUEST_COLUMNS
ALL_LOSSES = {
    "losses": {
        "l1": 1.0,
        "boxes": 1.0,
        "object_class": 0.1,
        "object_gan": 0.1,
        "image_gan": 1.0,
        "feature_matching": 5.0,
        "perceptual": 1.0,
    },
    "perceptual_weights": "seeded",
}


def config(**overlay: Any) -> dict[str, Any]:
    """Return the demo's configuration at the smallest sizes."""
    return workbench.tiny(yaml.safe_load((ROOT / "config.yaml").read_text()), **overlay)


class Benchmark(workbench.Workbench):
    """The benchmark in a folder; with the configuration above, unless another is given."""

    def __init__(self, folder: Any, settings: dict[str, Any] | None = None):
        super().__init__(folder, settings or config())

    def change(self, array: str, by: Any) -> None:
        """Rewrite one of the packed arrays."""
        path = self.data / "packed" / f"{array}.npy"
        changed = by(np.load(path))
        path.unlink()  # a process may have mapped it
        np.save(path, changed)

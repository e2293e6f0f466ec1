"""The models whose images the page compares. Planning a run reads this file, so that it imports nothing heavy."""

from typing import Any

from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import RETRAINED


def of_request(config: dict[str, Any], request: str) -> dict[str, runs.Run]:
    """Return the runs by name: one of the retrained models, and every method with its first training seed."""
    names = [name for name in runs.methods(config) if request in runs.requests_of(config, name)]
    own = {name: runs.Run(name, request, runs.seeds_of(config, name)[0]) for name in names}
    reference = runs.shown_reference(config, request)
    return ({} if reference is None else {RETRAINED: reference}) | own


def output_inputs(config: dict[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files with the images of these models."""
    shown = [run for request in runs.request_ids(config) for run in of_request(config, request).values()]
    return sorted({paths.record(*run, "outputs.npz") for run in shown})

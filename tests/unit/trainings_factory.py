"""Made-up curves and snapshots of training runs: losses that fall, images that emerge from grey."""

from pathlib import Path

import numpy as np
import pandas as pd

from soulbench.config import runs
from soulbench.core.tables import read_csv
from soulbench.core.terms import ALL_REQUESTS

TASKS = ("reconstruction", "synthesis")
STAGES = {"pretrained": ("pre-training", "pretrain"), "original": ("fine-tuning", "finetune")}
SHARES = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
DEMO = {"l1": 0.5, "boxes": 0.2, "guidance": 0.0}
# Initial values of the parts; the adversarial ones become negative.
EVERY = {
    **DEMO,
    "perceptual": 2.0,
    "object_gan": 0.7,
    "object_class": 4.0,
    "image_gan": -0.4,
    "feature_matching": 6.0,
    "discriminators": 5.0,
}
IMAGES = 4


def write_trainings(folder: Path, settings: dict, parts: dict[str, float] = DEMO) -> None:
    """Write curves and snapshots of the original models, and snapshots of every method that fine-tunes."""
    for seed in settings["seeds"]:
        for name, (stage, key) in STAGES.items():
            steps = settings["training"][key]["steps"]
            stem = folder / "models" / name / f"seed{seed}"
            write_curves(stem, stage, steps, parts, seed)
            share = (0.0, 0.5) if name == "pretrained" else (0.5, 0.95)
            write_snapshots(stem, stage, steps, _images(folder)[:IMAGES], share)
    requests = read_csv(folder / "data" / "requests.csv").set_index("request")
    for method in runs.methods(settings):
        code = runs.method(settings, method)
        if code.family == "finetune":
            for request in runs.requests_of(settings, method):
                served = request if code.per_request else ALL_REQUESTS
                stem = folder / "unlearned" / method / served / f"seed{settings['seeds'][0]}" / "model"
                if not stem.with_suffix(".snapshots.npz").exists():
                    target = int(requests.loc[request, "image_id"])
                    image = next(pair for pair in _images(folder) if pair[0] == target)
                    write_curves(
                        stem, "unlearning", settings["unlearning"]["steps"], parts, settings["seeds"][0]
                    )
                    ends = (0.95, 0.2) if method.endswith("-ng") else (0.95, 0.9)
                    write_snapshots(
                        stem, "unlearning", settings["unlearning"]["steps"], [image], ends, code.per_request
                    )


def _images(folder: Path) -> list[tuple[int, np.ndarray]]:
    packed = folder / "data" / "packed"
    ids = np.load(packed / "image_ids.npy").tolist()
    return list(zip(ids, np.load(packed / "pixels.npy"), strict=True))


def write_curves(stem: Path, stage: str, steps: int, parts: dict[str, float], seed: int) -> None:
    """Write one row per ten steps, from `parts` as the initial values, with a few validation losses."""
    step = np.array([*range(10, steps, 10), steps])
    noise = np.random.default_rng([seed, steps])
    table: dict[str, object] = {
        "stage": stage,
        "step": step,
        "learning_rate": 1e-3 * 0.5 * (1 + np.cos(np.pi * step / steps)),
        "images_per_second": noise.normal(300, 12, len(step)),
    }
    fall = 0.2 + 0.8 * np.exp(-3 * step / steps)
    values = {}
    for name, begin in parts.items():
        level = begin if begin < 0 or name == "discriminators" else begin * fall
        values[name] = level + np.abs(level) * noise.normal(0, 0.8 if begin < 0 else 0.08, len(step))
    total = sum(value for name, value in values.items() if name != "discriminators")
    validation = np.where(np.arange(len(step)) % 10 == 9, 1.3 * total, np.nan)
    stem.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({**table, "loss": total, **values, "validation": validation})
    frame.to_csv(f"{stem}.curves.csv", index=False)


def write_snapshots(
    stem: Path,
    stage: str,
    steps: int,
    images: list[tuple[int, np.ndarray]],
    ends: tuple[float, float],
    forgets: bool = False,
) -> None:
    """Write images between grey (0) and the truth (1), as far as `ends` says; with `forgets` the target's box fades."""
    ids, truth = [image_id for image_id, _ in images], np.stack([pixels for _, pixels in images])
    side, snapshot_steps = truth.shape[1], sorted({round(share * steps) for share in SHARES})
    generated = []
    for step in snapshot_steps:
        done = step / max(steps, 1)
        share = ends[0] + (ends[1] - ends[0]) * done
        image = 128 + share * (truth.astype(float) - 128)
        if forgets:
            box = np.s_[:, int(0.2 * side) : int(0.9 * side), int(0.3 * side) : int(0.7 * side)]
            image[box] += done * (128 - image[box])
        # As what models generate, they are not flat: it matters for the bytes that they take on the page.
        image += np.random.default_rng(step).normal(0, 6, image.shape)
        generated.append(image.clip(0, 255).astype(np.uint8))
    stem.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        f"{stem}.snapshots.npz",
        stages=np.array([stage] * len(snapshot_steps)),
        steps=np.array(snapshot_steps),
        image_ids=np.array(ids),
        truth=truth,
        reconstruction=np.stack(generated),
        synthesis=np.stack(generated)[:, :, :, ::-1],
    )

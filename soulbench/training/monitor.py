"""What is recorded while a model trains: losses, learning rate, speed, and snapshots of generated images."""

import contextlib
import csv
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from soulbench.core.records import atomic_path
from soulbench.core.terms import TASKS
from soulbench.data.batches import Batch, SceneBatches, to_pixels
from soulbench.models.generator import Generator
from soulbench.training.generation import generate_images
from soulbench.training.schedule import Stage, learning_rate

COLUMNS = ("stage", "step", "learning_rate", "images_per_second", "loss")
MAX_ROWS = 500  # of losses per stage
#: Shares of a stage's steps after which a snapshot is taken.
SNAPSHOT_SHARES = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
#: Steps between two snapshots at least, except the last: one takes about as long as a step.
SNAPSHOT_DISTANCE = 5


def snapshot_steps(steps: int) -> list[int]:
    """Return after which of its steps a stage takes snapshots, in ascending order, from 0 to its end."""
    taken = [0]
    for step in (round(share * steps) for share in SNAPSHOT_SHARES):
        if step - taken[-1] >= SNAPSHOT_DISTANCE:
            taken.append(step)
    return taken if taken[-1] == steps else [*taken, steps]


class TrainingMonitor:
    """Collects rows of losses and snapshots; part of a training run's saved state, so both survive an interruption.

    Args:
        batch: the scenes that every snapshot shows; None for no snapshots.
        settings: the configuration.
        tensorboard_dir: folder of the files that TensorBoard shows during training; None for none.
        shown: hash of the scenes that snapshots show.
    """

    def __init__(
        self,
        batch: Batch | None,
        settings: Mapping[str, Any],
        tensorboard_dir: Path | None,
        shown: str | None = None,
    ):
        self.batch, self.settings, self.tensorboard_dir = batch, settings, tensorboard_dir
        self.shown = shown
        self.rows: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.seconds = 0.0  # spent beside training, which are no part of what it costs
        self._writer: Any = None

    @classmethod
    def off(cls) -> Self:
        """Return a monitor that collects rows, takes no snapshots and writes nothing."""
        return cls(None, {}, None)

    @classmethod
    def of(
        cls,
        batches: SceneBatches,
        rows: Sequence[int],
        settings: Mapping[str, Any],
        model: str | Path,
        first: bool,
    ) -> Self:
        """Return the monitor of the training run that writes the checkpoint `model`.

        Args:
            batches: makes batches of unedited scenes.
            rows: rows of the packed set that every snapshot shows.
            settings: the configuration.
            model: the checkpoint.
            first: whether this is the first of several processes, the only one that takes snapshots and writes.
        """
        tensorboard_dir = Path(model).with_suffix(".tensorboard") if first else None
        return cls(batches.batch(rows) if first else None, settings, tensorboard_dir, batches.digest(rows))

    def record(
        self,
        stage: Stage,
        step: int,
        images_per_second: float,
        losses: Mapping[str, float],
        validation: float | None = None,
    ) -> None:
        """Add a row, unless the last one is too recent; a row with a validation loss is always added.

        Args:
            stage: the running stage.
            step: number of steps made.
            images_per_second: since the last call.
            losses: of the last step, by part.
            validation: the validation loss, if it was computed after this step.
        """
        interval = max(1, stage.steps // MAX_ROWS)
        last = next((row["step"] for row in reversed(self.rows) if row["stage"] == stage.name), 0)
        if step < stage.steps and step - last < interval and validation is None:
            return
        row = {
            "stage": stage.name,
            "step": step,
            "learning_rate": learning_rate(stage, step - 1),
            "images_per_second": images_per_second,
            "loss": sum(value for name, value in losses.items() if name != "discriminators"),
            **losses,
        }
        self.rows.append(row if validation is None else {**row, "validation": validation})
        with self.beside_training():
            self._show_row(self.rows[-1])

    def snapshot(self, model: Generator, stage: Stage, step: int, final: bool = False) -> None:
        """Generate the scenes' images in both tasks, if a snapshot is due after `step` steps.

        Args:
            model: the generator as it is.
            stage: the running stage.
            step: number of steps made.
            final: whether the stage ends here, which makes a snapshot due.
        """
        due = final or step in snapshot_steps(stage.steps)
        taken = any(one["stage"] == stage.name and one["step"] == step for one in self.snapshots)
        if self.batch is None or not due or taken:
            return
        with self.beside_training():
            was_training = model.training
            images = {
                task: torch.from_numpy(generate_images(model.eval(), self.batch, task, self.settings)[0])
                for task in TASKS
            }
            model.train(was_training)
            self.snapshots.append({"stage": stage.name, "step": step, **images})
            self._show_snapshot(self.snapshots[-1])

    @contextlib.contextmanager
    def beside_training(self) -> Iterator[None]:
        """Measure the block's seconds, which are no part of what training costs: pictures, models for other budgets."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed training run needs."""
        return {"rows": self.rows, "snapshots": self.snapshots}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.rows, self.snapshots = [*state["rows"]], [*state["snapshots"]]

    def save(self, model: str | Path) -> None:
        """Write `<model>.curves.csv` and `<model>.snapshots.npz` beside a checkpoint."""
        if self._writer is not None:
            self._writer.close()
        stem = Path(model).with_suffix("")
        columns = list(dict.fromkeys([*COLUMNS, *(name for row in self.rows for name in row)]))
        with atomic_path(f"{stem}.curves.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(self.rows)
        if self.batch is None:
            return
        truth = (to_pixels(self.batch.targets) * 255).round().byte().movedim(1, -1)
        arrays: dict[str, Any] = {"image_ids": np.array(self.batch.image_ids), "truth": truth.numpy()}
        arrays |= {f"{key}s": np.array([one[key] for one in self.snapshots]) for key in ("stage", "step")}
        arrays |= {task: np.stack([one[task].numpy() for one in self.snapshots]) for task in TASKS}
        with atomic_path(f"{stem}.snapshots.npz") as part:
            np.savez_compressed(part, **arrays)

    def _show_row(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name not in ("stage", "step") and (writer := self._tensorboard()) is not None:
                writer.add_scalar(f"{row['stage']}/{name}", value, row["step"])

    def _show_snapshot(self, snapshot: Mapping[str, Any]) -> None:
        if (writer := self._tensorboard()) is not None:
            for task in TASKS:
                name, images = f"{snapshot['stage']}/{task}", snapshot[task].numpy()
                writer.add_images(name, images, snapshot["step"], dataformats="NHWC")

    def _tensorboard(self) -> Any:
        """Return TensorBoard's writer, None for none; a new one first gets all that an interrupted run had shown."""
        if self._writer is None and self.tensorboard_dir is not None:
            # Imported here: only a monitored training run needs it.
            from torch.utils.tensorboard import SummaryWriter

            shutil.rmtree(self.tensorboard_dir, ignore_errors=True)
            self._writer = SummaryWriter(str(self.tensorboard_dir))
            for snapshot in self.snapshots[:-1]:
                self._show_snapshot(snapshot)
            for row in self.rows[:-1]:
                self._show_row(row)
        return self._writer

"""What a training looked like on its way: losses, learning rate, speed, and pictures of what it had learnt by then."""

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
from soulbench.training.generation import draw

COLUMNS = ("stage", "step", "learning_rate", "images_per_second", "loss")
ROWS = 500  # of losses that a stage keeps at most
SNAPSHOT_SHARES = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # shares of a stage after which pictures are drawn


class TrainingMonitor:
    """Collects rows of losses and a film; part of a training's saved state, so an interrupted one shows no seam.

    Args:
        batch: the scenes that are drawn again and again; None for no film.
        settings: the configuration.
        board: folder of the files that TensorBoard shows while the training runs; None for none.
    """

    def __init__(self, batch: Batch | None, settings: Mapping[str, Any], board: Path | None):
        self.batch, self.settings, self.board = batch, settings, board
        self.rows: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.seconds = 0.0  # spent on watching, which is no part of what a training costs
        self._writer: Any = None

    @classmethod
    def off(cls) -> Self:
        """One that keeps rows and draws nothing."""
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
        """Monitor the training of the checkpoint `model`; of several processes only the first draws and writes."""
        board = Path(model).with_suffix(".tensorboard") if first else None
        return cls(batches.batch(rows) if first else None, settings, board)

    def note(
        self,
        stage: str,
        step: int,
        steps: int,
        rate: float,
        speed: float,
        losses: Mapping[str, float],
        validation: float | None = None,
    ) -> None:
        """Keep a row, unless the stage has enough of them already; one with a validation loss is always kept."""
        every = max(1, steps // ROWS)
        last = next((row["step"] for row in reversed(self.rows) if row["stage"] == stage), 0)
        if step < steps and step - last < every and validation is None:
            return
        known = {"stage": stage, "step": step, "learning_rate": rate, "images_per_second": speed}
        total = sum(value for name, value in losses.items() if name != "discriminators")
        judged = {} if validation is None else {"validation": validation}
        self.rows.append({**known, "loss": total, **losses, **judged})
        with self._timed():
            self._show_row(self.rows[-1])

    def draw(self, model: Generator, stage: str, step: int, steps: int) -> None:
        """Draw the scenes in both tasks, if it is time to."""
        due = {round(share * steps) for share in SNAPSHOT_SHARES}
        done = any(frame["stage"] == stage and frame["step"] == step for frame in self.frames)
        if self.batch is None or step not in due or done:
            return
        with self._timed():
            learning = model.training
            pictures = {
                task: torch.from_numpy(draw(model.eval(), self.batch, task, self.settings)[0])
                for task in TASKS
            }
            model.train(learning)
            self.frames.append({"stage": stage, "step": step, **pictures})
            self._show_frame(self.frames[-1])

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started

    def state(self) -> dict[str, Any]:
        """All of it, for the training's state."""
        return {"rows": self.rows, "frames": self.frames}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a saved state."""
        self.rows, self.frames = [*state["rows"]], [*state["frames"]]

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
        arrays = {"image_ids": np.array(self.batch.image_ids), "truth": truth.numpy()}
        arrays |= {f"{name}s": np.array([frame[name] for frame in self.frames]) for name in ("stage", "step")}
        arrays |= {task: np.stack([frame[task].numpy() for frame in self.frames]) for task in TASKS}
        with atomic_path(f"{stem}.snapshots.npz") as part:
            np.savez_compressed(part, **arrays)

    def _show_row(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name not in ("stage", "step") and (board := self._opened()) is not None:
                board.add_scalar(f"{row['stage']}/{name}", value, row["step"])

    def _show_frame(self, frame: Mapping[str, Any]) -> None:
        if (board := self._opened()) is not None:
            for task in TASKS:
                pictures = frame[task].numpy()
                board.add_images(f"{frame['stage']}/{task}", pictures, frame["step"], dataformats="NHWC")

    def _opened(self) -> Any:
        """TensorBoard's writer, made at first use with all that an interrupted training had shown; None for none."""
        if self._writer is None and self.board is not None:
            # Imported here: only a watched training needs it.
            from torch.utils.tensorboard import SummaryWriter

            shutil.rmtree(self.board, ignore_errors=True)
            self._writer = SummaryWriter(str(self.board))
            for frame in self.frames[:-1]:
                self._show_frame(frame)
            for row in self.rows[:-1]:
                self._show_row(row)
        return self._writer

"""soulbench: the reproducible benchmark of object unlearning in scene-graph image generators."""

__version__ = "0.1.0"

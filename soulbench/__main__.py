"""`python -m soulbench`: look at what there is, and check a configuration without running anything."""

import argparse
import dataclasses
import sys
import typing
from collections.abc import Sequence

from soulbench.config import files, runs
from soulbench.config.checks import check
from soulbench.core import registry
from soulbench.core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m soulbench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("check", help="check config.yaml with overlays, and count what would run")
    command.add_argument("overlay", nargs="*", help="files as for --configfile, e.g. configs/smoke.yaml")
    command.set_defaults(run=_check)
    command = commands.add_parser("methods", help="list the methods with their parameters")
    command.set_defaults(run=_methods)
    command = commands.add_parser("queries", help="list the queries")
    command.set_defaults(run=_queries)
    command = commands.add_parser(
        "parameters", help="count the parameters of the configured networks, by module"
    )
    command.add_argument("overlay", nargs="*", help="files as for --configfile")
    command.add_argument("--objects", type=int, default=179, help="object vocabulary (179: Visual Genome's)")
    command.add_argument(
        "--predicates", type=int, default=46, help="predicate vocabulary (46: Visual Genome's)"
    )
    command.set_defaults(run=_parameters)
    return parser


def _check(options: argparse.Namespace) -> None:
    config = files.load("config.yaml", *options.overlay)
    check(config)
    cells = runs.planned(config)
    counts = {
        "methods": len(runs.methods(config)),
        "requests": len(runs.request_ids(config)),
        "seeds": len(config["seeds"]),
        "evaluations": len(cells),
        "ablations": 2 * len(runs.ablation_runs(config)),
    }
    print(f"{config['name']}: " + ", ".join(f"{number} {what}" for what, number in counts.items()))


def _summary(module: object) -> str:
    return (getattr(module, "__doc__", None) or "").strip().partition("\n")[0]


def _methods(options: argparse.Namespace) -> None:
    for name in registry.ids("methods"):
        method = registry.method(name)
        print(f"{name}  [{method.level}, {method.family}]\n    {_summary(registry.module('methods', name))}")
        hints = typing.get_type_hints(method.parameters)
        for field in dataclasses.fields(method.parameters):
            print(f"    {field.name}: {field.default}  ({registry.type_text(hints[field.name])})")


def _queries(options: argparse.Namespace) -> None:
    for name in registry.ids("queries"):
        print(f"{name}\n    {_summary(registry.module('queries', name))}")


def _parameters(options: argparse.Namespace) -> None:
    # Imported here: the other commands need no torch.
    from soulbench.models.parameters import table

    config = files.load("config.yaml", *options.overlay)
    check(config)
    print(f"{'module':24}{'total':>14}{'trainable':>14}")
    for name, total, trainable in table(config["generator"], options.objects, options.predicates):
        print(f"{name:24}{total:14,}{trainable:14,}")


if __name__ == "__main__":
    sys.exit(main())

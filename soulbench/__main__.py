"""Check a configuration, list what it may contain, exchange the results of runs, print tables; nothing is run."""

import argparse
import dataclasses
import os
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from soulbench.config import attacks, files, metrics, runs
from soulbench.core import arithmetic, declarations, registry
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.processor import precision_warning
from soulbench.core.values import type_text, value_text
from soulbench.planning import estimate
from soulbench.unlearning.authoring import TEMPLATES, check_method, new_method

CONFIG = "config.yaml"
WORST = 10  # differing cells that `compare` names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        for line in options.run(options):
            print(line, flush=True)
    except BrokenPipeError:  # `soulbench methods | head`; what Python still flushes at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soulbench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        (
            "check",
            _check,
            "check config.yaml with overlays, count what would run, and estimate what it costs",
        ),
        ("parameters", _parameters, "count the parameters of the configured networks, by module"),
        ("methods", _methods, "list the methods with their parameters"),
        ("queries", _queries, "list the queries"),
        ("metrics", _metrics, "list the metrics besides the paper's, and their parameters"),
        ("attacks", _attacks, "list the attacks with what they measure, and their parameters"),
        ("new-method", _new_method, "write a template of a method's file"),
        ("check-method", _check_method, "run the contract of methods on a file, on a tiny benchmark"),
        ("export", _export, "pack what is finished of a benchmark, without models, into one archive"),
        ("merge", _merge, "take in archives that other machines exported of the same benchmark"),
        ("publish", _publish, "write the tables of a run as compressed CSV, at most 2 MB"),
        ("compare", _compare, "compare the tables of a run with published ones, cell by cell"),
        ("account", _account, "write what a run found as one page, its tables and figures beside it"),
        ("table", _table_text, "print a table of a run, or a part of it, as Markdown or LaTeX"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name in ("check", "parameters"):
            command.add_argument("overlay", nargs="*", help="files as for --configfile: configs/smoke.yaml")
    commands.choices["check"].add_argument(
        "--no-estimate",
        dest="estimate",
        action="store_false",
        help="do not estimate what the run costs, which takes seconds",
    )
    command = commands.choices["parameters"]
    command.add_argument(
        "--objects", type=int, default=179, help="size of the object vocabulary (179: Visual Genome)"
    )
    command.add_argument("--predicates", type=int, default=46, help="size of the predicate vocabulary (46)")
    _add_authoring_arguments(commands.choices)
    _add_exchange_arguments(commands.choices)
    _add_table_arguments(commands.choices["table"])
    return parser


def _add_authoring_arguments(commands: Mapping[str, argparse.ArgumentParser]) -> None:
    commands["new-method"].add_argument("name", help="the method's id: my-method")
    commands["new-method"].add_argument(
        "--template",
        choices=TEMPLATES,
        default="plan",
        help="plan: edits of images and losses; training: parts of the training loop; one-shot: new weights",
    )
    commands["new-method"].add_argument("--folder", type=Path, default=Path(), help="where to write it")
    commands["check-method"].add_argument("file", type=Path, help="my_method.py")


def _add_table_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", help="of the table: scoreboard")
    command.add_argument("--format", choices=("markdown", "latex"), default="markdown")
    command.add_argument(
        "--run",
        dest="folder",
        metavar="run",
        type=Path,
        help="results/<name>; by default that of config.yaml",
    )
    command.add_argument("--columns", nargs="+", default=[], metavar="COLUMN", help="to keep, in this order")
    command.add_argument(
        "--where", nargs="+", default=[], metavar="COLUMN=VALUE", help="rows to keep: task=synthesis"
    )


def _add_exchange_arguments(commands: Mapping[str, argparse.ArgumentParser]) -> None:
    for name in ("export", "merge", "account"):
        commands[name].add_argument(
            "--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake"
        )
    commands["export"].add_argument("--out", type=Path, required=True, help="the archive: here.zip")
    commands["export"].add_argument(
        "--outputs", action="store_true", help="also the images that figures are made of, which are large"
    )
    commands["merge"].add_argument("archive", nargs="+", type=Path, help="what export wrote elsewhere")
    for name in ("publish", "compare"):
        commands[name].add_argument("folder", metavar="run", type=Path, help="results/<name>")
    for name in ("publish", "account"):
        commands[name].add_argument("--out", type=Path, required=True, help="the folder: docs/evidence")
        commands[name].add_argument(
            "--without", nargs="+", default=[], metavar="TABLE", help="tables to leave out: metrics"
        )
    commands["compare"].add_argument("published", type=Path, help="a folder or zip archive of tables")
    commands["compare"].add_argument(
        "--tolerance",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="factor of all tolerances (docs/reproducing.md); 0: equal numbers",
    )


def _checked(overlays: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of the current folder under its overlays, checked."""
    # Imported here: only these commands need pydantic.
    from soulbench.config.checks import check

    if not Path(CONFIG).exists():
        raise UserError(
            f"{CONFIG}: there is none in {Path.cwd()}; expected: to be run in the project's folder"
        )
    config = files.load(CONFIG, *overlays)
    check(config)
    return config


def _check(options: argparse.Namespace) -> Iterator[str]:
    config = _checked(options.overlay)
    counts = {
        "methods": len(runs.methods(config)),
        "requests": len(runs.request_ids(config)),
        "development requests": len(runs.development_ids(config)),
        "seeds": len(config["seeds"]),
        "evaluated runs": len(runs.evaluated(config)),
        "ablations": 2 * len(runs.ablation_runs(config)),
    }
    yield f"{config['name']}: the configuration is valid"
    yield from _table([(name, str(number)) for name, number in counts.items()])
    for warning in (precision_warning(config, config["device"] == "cpu"), arithmetic.warning(config)):
        if warning is not None:
            yield f"warning: {warning}"
    if options.estimate:
        yield from estimate.lines(config)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield lines of aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _summary(kind: str, name: str) -> str:
    return declarations.docstring(registry.source(kind, name).path).partition("\n")[0]


def _methods(options: argparse.Namespace) -> Iterator[str]:
    for name in registry.ids("methods"):
        method = registry.method(name)
        yield f"{name}  [{method.level}, {method.family}]"
        yield f"  {_summary('methods', name)}"
        yield from _parameter_lines(method.parameters)


def _parameter_lines(parameters: type) -> Iterator[str]:
    yield from _table([(f"  {key}", default, kind) for key, default, kind in _defaults(parameters)])


def _defaults(parameters: type) -> list[tuple[str, str, str]]:
    """Return name, default and type of each parameter."""
    hints: Mapping[str, Any] = typing.get_type_hints(parameters, include_extras=True)
    return [
        (
            field.name,
            str(field.default) if isinstance(field.default, str) else value_text(field.default),
            type_text(hints[field.name]),
        )
        for field in dataclasses.fields(parameters)
    ]


def _queries(options: argparse.Namespace) -> Iterator[str]:
    yield from _table([(name, _summary("queries", name)) for name in registry.ids("queries")])


def _metrics(options: argparse.Namespace) -> Iterator[str]:
    for name in registry.ids("metrics"):
        yield f"{name}  [{metrics.metric({}, name).unit}]"
        yield f"  {_summary('metrics', name)}"
        yield from _parameter_lines(registry.parameters_class("metrics", name))


def _attacks(options: argparse.Namespace) -> Iterator[str]:
    for name in registry.ids("attacks"):
        attack = attacks.attack({}, name)
        yield f"{name}  [budget: {attack.budget}]"
        yield f"  {_summary('attacks', name)}"
        for metric, (unit, side) in attack.metrics.items():
            verdict = "; the verdict's" if metric == attack.judged else ""
            yield f"  measures {metric}, {unit}: {side} is better for the attacker{verdict}"
        yield from _parameter_lines(registry.parameters_class("attacks", name))


def _new_method(options: argparse.Namespace) -> Iterator[str]:
    return new_method(options.name, options.template, options.folder)


def _check_method(options: argparse.Namespace) -> Iterator[str]:
    return check_method(options.file, _checked([]))


def _parameters(options: argparse.Namespace) -> Iterator[str]:
    config = _checked(options.overlay)
    # Imported here: the other commands need no torch.
    from soulbench.models.parameters import table

    yield f"{'module':24}{'total':>14}{'trainable':>14}"
    for name, total, trainable in table(config["generator"], options.objects, options.predicates):
        yield f"{name:24}{total:14,}{trainable:14,}"


def _export(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.exchange.export import export

    return export(_checked(options.configfile), options.out, options.outputs)


def _merge(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.exchange.merge import merge

    return merge(_checked(options.configfile), options.archive)


def _publish(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.exchange.published import publish

    return publish(options.folder, options.out, options.without)


def _account(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.exchange import published
    from soulbench.report.account import write_account

    config = _checked(options.configfile)
    paths = ResultPaths.of(config)
    # First, so that tables which cannot be published are refused before the page is replaced.
    tables = published.compressed(Path(paths.table()).parent, options.out, options.without)
    yield from write_account(config, paths, options.out, options.configfile)
    yield from published.write(tables, options.out)


def _compare(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.exchange.compare import compare, summary

    if not options.tolerance >= 0:
        raise UserError(f"--tolerance: {options.tolerance} is not allowed; allowed: numbers, 0 or above")
    compared = compare(options.folder, options.published, options.tolerance)
    yield from _table(list(summary(compared)))
    cells = [cell for table in compared for cell in table.different]
    yield from map(str, sorted(cells, key=lambda cell: -cell.excess)[:WORST])
    if not all(table.same for table in compared):
        raise UserError(f"{options.folder} is not the same as {options.published}")
    yield f"{options.folder} is the same as {options.published}"


def _table_text(options: argparse.Namespace) -> Iterator[str]:
    from soulbench.report import table_text

    wrong = [text for text in options.where if "=" not in text]
    if wrong:
        raise UserError(
            f"--where: {wrong[0]!r} is not allowed; allowed: COLUMN=VALUE, such as task=synthesis"
        )
    where = dict(text.split("=", 1) for text in options.where)
    folder = options.folder or Path(ResultPaths.of(_checked([])).root)
    yield table_text.FORMATS[options.format](
        table_text.selected(folder, options.name, options.columns, where)
    )


if __name__ == "__main__":
    sys.exit(main())

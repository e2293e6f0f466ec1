"""docs/methods.md, generated: idea, source, formula, parameters of each method, its cost and where it stands.

`python -m soulbench.report.methods_page` writes it in the current folder; with `--check` it only compares.
"""

import argparse
import dataclasses
import re
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from soulbench.analysis.methods import UNLEARNERS
from soulbench.core import declarations, registry
from soulbench.core.values import type_text, value_text
from soulbench.report.method_facts import PUBLISHED, cost, standing

COMMAND = "python -m soulbench.report.methods_page"
PAGE = Path("docs", "methods.md")
GROUPS = {
    "References": "Models that say what a number means; none of them unlearns under the rules of the others.",
    "The paper's nine": "Zhang, Zhao, Asghar, Kaafar, arXiv 2412.00067, sections 4 and 5.",
    "Beyond the paper": (
        "A group of their own in tables and figures, corrected by Holm among themselves. All are on in "
        "`configs/methods.yaml`, and three in the demo: `neggrad-plus`, the plainest rival; `ssd`, which does not "
        "train; and `leak-aware`, which tries not to show what it forgets. Two of them have one seed there, to save "
        "time. W_r is 1 on the RoIs of the targets and 0 elsewhere; L(theta; W) is the generator's loss with spatial "
        "weights W."
    ),
}
ARGUMENT = re.compile(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the page, and return the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the page is not as it would be"
    )
    options = parser.parse_args(arguments)
    if PAGE.is_file() and PAGE.read_text("utf-8") == page():
        return 0
    if options.check:
        print(f"{PAGE}: does not follow from the methods' files and the published tables; run {COMMAND}")
        return 1
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE}: written")
    return 0


def page() -> str:
    """Return the page."""
    lines = [
        "# Methods",
        "",
        f"<!-- Generated from soulbench/unlearning/methods by `{COMMAND}`; do not edit. -->",
        "",
        "Every method is one file, found by its name ([add-a-method.md](add-a-method.md)). All start from the original",
        "model, with the same budget, optimiser and order of images. What each forgets, harms and costs is in a run's",
        "`scoreboard.csv`, `paths.csv` and `timing.csv`.",
        "",
        "**Cost** is the work of one model at the demo's sizes, in 10^12 multiply-adds (TMAC) and in retrainings. It",
        "is counted from the configuration, not measured, and at most that where the data decide. Passes of a teacher",
        "are not counted; parts of a network that a method skips are.",
        "**Published** tables are those of [methods-run.md](methods-run.md), the demo with all methods, and",
        "[photos-run.md](photos-run.md), in the task `reconstruction` and as described: outcome, forgotten share,",
        "harm to the image's other objects (A2, grey levels beyond `noop-ft`), AUC of the update leak (0.5 is chance),",
        "and the measured time in retrainings; then the outcome at the budget that was selected on development",
        "requests. A dash: the run has no such method.",
    ]
    names: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in registry.ids("methods"):
        names[_group(name)].append(name)
    names["The paper's nine"].sort(key=UNLEARNERS.index)
    for group, text in GROUPS.items():
        lines += ["", f"## {group}", "", text, "", *_overview(names[group])]
        for name in names[group]:
            lines += ["", *_section(name)]
    return "\n".join(lines) + "\n"


def _group(name: str) -> str:
    if registry.method(name).level == "reference":
        return "References"
    return "The paper's nine" if name in UNLEARNERS else "Beyond the paper"


def _overview(names: Sequence[str]) -> Iterator[str]:
    yield f"| method | TMAC | retrainings | {' | '.join(f'published: {run}' for run in PUBLISHED)} |"
    yield "|---" * (3 + len(PUBLISHED)) + "|"
    for name in names:
        badge = " *(not allowed: sees retrained models)*" if registry.method(name).sees_retrained else ""
        yield f"| [`{name}`](#{name}){badge} | {' | '.join([*cost(name), *standing(name)])} |"


def _section(name: str) -> Iterator[str]:
    code = registry.method(name)
    first, _, rest = declarations.docstring(code.source.path).partition("\n")
    kind = "programmatic" if registry.CLASS in code.workers else "declarative"
    yield f"### `{name}`"
    yield ""
    yield f"{first}  "
    sees = "; **not allowed: sees retrained models**" if code.sees_retrained else ""
    yield f"*{code.level} level, {code.family}, {kind}*{sees}"
    # A line that begins with a word and a colon begins a paragraph.
    paragraphs = re.sub(r"\n(?=(Source|Adapted|Formula|Selected): )", "\n\n", rest.strip())
    for paragraph in filter(None, paragraphs.split("\n\n")):
        yield ""
        yield re.sub(r"^(\w+): (.)", lambda found: f"**{found[1]}.** {found[2].upper()}", paragraph)
    fields = dataclasses.fields(code.parameters)
    if not fields:
        return
    hints = typing.get_type_hints(code.parameters, include_extras=True)
    meanings = {key: " ".join(text.split()) for key, text in ARGUMENT.findall(code.parameters.__doc__ or "")}
    yield ""
    yield "| parameter | default | allowed | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        default = field.default if isinstance(field.default, str) else value_text(field.default)
        row = (f"`{field.name}`", f"`{default}`", type_text(hints[field.name]), meanings.get(field.name, ""))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


if __name__ == "__main__":
    sys.exit(main())

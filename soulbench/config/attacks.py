"""The planned attacks of a configuration: which attack is made on which models, and for which requests.

An attack is made on the methods that unlearn, on the original model, as the ceiling, and on models that never saw the
targets, as the control: those of the bank, or, without a bank, those of the method `retrain`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from soulbench.config import runs
from soulbench.core import declarations, registry
from soulbench.core.errors import UserError
from soulbench.core.plugins import Source
from soulbench.core.terms import BANK, IDENTITY, LEAK

#: Keys of an attack's entry in the configuration that are no parameters.
ENTRY_KEYS = ("methods", "requests", "seeds")
SIDES = ("smaller", "greater")
DECLARED = ("BUDGET", "METRICS", "JUDGED")
WHERE = "docs/attacks.md"
#: Attacks that an evaluation makes beside its metrics, and the names of the paper's queries among attacks.
MEASURED, QUERY = (LEAK, IDENTITY), "query-{}"
#: The table of an attack's record, by the name under which its digest is kept.
TABLE = "outcomes"


def further_settings(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the sections that an attack's file asks for (`NEEDS`), besides those that every attack's job receives."""
    declared = declarations.values(registry.source("attacks", name, runs.plugins(config)).path, "NEEDS")
    return list(declared.get("NEEDS", ()))


def unlearns(config: Mapping[str, Any], name: str, method: str) -> bool:
    """Tell whether an attack's jobs run a method themselves: its file says `UNLEARNS`, and the method unlearns."""
    declared = declarations.values(registry.source("attacks", name, runs.plugins(config)).path, "UNLEARNS")
    known = method in runs.methods(config) and runs.described_budget(config, method) is not None
    return known and bool(declared.get("UNLEARNS", False))


def lacks_retrained(config: Mapping[str, Any], name: str, method: str) -> bool:
    """Tell whether an attack cannot be made on a method: it runs the method, which is to be given retrained models."""
    return unlearns(config, name, method) and runs.method(config, method).sees_retrained


class AttackRun(NamedTuple):
    """What one job attacks: the models of a method and training seed, for all requests of the attack."""

    attack: str
    method: str
    seed: int


class Shadows(NamedTuple):
    """The runs with whose outputs an attack learns and is tried, besides those that it is made on.

    Attributes:
        unlearned: the method's models of other training seeds and requests; of the control, which unlearns nothing,
            half of the following, so that it is attacked alike.
        retrained: the control's models that may have seen the request's targets: they lack what others ask for.
        never_saw: the control's models that never saw the request's targets.
    """

    unlearned: list[runs.Run]
    retrained: list[runs.Run]
    never_saw: list[runs.Run]


@dataclass(frozen=True)
class Attack:
    """An attack, as its file describes it.

    Attributes:
        id: as written in the configuration.
        source: where its file is.
        budget: what the attacker's budget counts.
        metrics: metric -> its unit, and the side (one of `SIDES`) on which the attacker is better off.
        judged: the metric of the verdict, at its greatest budget.
        letter: whether a finding counts for the letter "leaks", as one about the targets does.
    """

    id: str
    source: Source
    budget: str
    metrics: Mapping[str, tuple[str, str]]
    judged: str
    letter: bool = True

    @property
    def run(self) -> Callable[..., Iterable[Any]]:
        """Import its file: `attack(models, parameters)` yields outcomes (`soulbench.evaluation.attacked`)."""
        run: Callable[..., Iterable[Any]] = self.source.load().attack
        return run

    def work(self, parameters: Any) -> Mapping[str, float]:
        """Return what it does of one model for one request.

        The keys are `outputs` (images generated), `steps` (of training) and `unlearnings` (runs of the method).
        An attack's file may say so by `work(parameters)`, which needs no more than the standard library. Of one that
        does not, the jobs alone are counted.
        """
        declared = declarations.values(self.source.path, "work")
        return declared["work"](parameters) if declared else {}


def attack(config: Mapping[str, Any], name: str) -> Attack:
    """Return an attack by id. Of its file only the declarations are run.

    Raises:
        UserError: there is no such attack (names the nearest), or its file lacks a part of the interface.
    """
    source = registry.source("attacks", name, runs.plugins(config))
    defined = declarations.names(source.path)
    missing = [part for part in DECLARED if part not in defined]
    if missing:
        raise UserError(f"{source.path}: an attack's file must define {', '.join(missing)} ({WHERE})")
    if name in MEASURED or name.startswith(QUERY.format("")):
        raise UserError(
            f"{source.path}: attacks.csv has an attack {name} already, which an evaluation makes; give the file "
            "another name"
        )
    declared = declarations.values(source.path, *DECLARED, "Parameters", "LETTER")
    metrics = declared["METRICS"]
    if not (isinstance(metrics, Mapping) and metrics and all(map(_is_metric, metrics.values()))):
        raise UserError(
            f"{source.path}: METRICS must give each metric its unit and the side on which the attacker is better off: "
            f'{{"error": ("grey levels", "smaller")}}; allowed sides: {", ".join(SIDES)}'
        )
    if declared["JUDGED"] not in metrics:
        raise UserError(
            f"{source.path}: JUDGED is {declared['JUDGED']!r}; allowed: a metric of METRICS: {', '.join(metrics)}"
        )
    if not isinstance(declared["BUDGET"], str):
        raise UserError(
            f'{source.path}: BUDGET is {declared["BUDGET"]!r}; allowed: what it counts, as text, such as "queries"'
        )
    if "Parameters" in declared:
        registry.check_parameters(source.path, declared["Parameters"], ENTRY_KEYS)
    letter = bool(declared.get("LETTER", True))
    return Attack(name, source, declared["BUDGET"], metrics, declared["JUDGED"], letter)


def _is_metric(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and value[1] in SIDES


def names(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the attacks that are switched on, sorted, as a job gets its part of the configuration."""
    return [name for name, entry in sorted(config["attacks"].items()) if entry is not None]


def parameters(config: Mapping[str, Any], name: str) -> Any:
    """Return an attack's parameters, defaults included, checked.

    Raises:
        UserError: as `registry.parameters`.
    """
    given = {key: value for key, value in config["attacks"][name].items() if key not in ENTRY_KEYS}
    return registry.parameters("attacks", name, given, f"attacks.{name}", runs.plugins(config))


def attacked_methods(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the methods whose models are attacked if they are switched on: by default all that unlearn and can be."""
    chosen = config["attacks"][name].get("methods")
    if chosen is not None:
        return list(chosen)
    unlearning = [one for one in runs.methods(config) if runs.described_budget(config, one) is not None]
    return [one for one in unlearning if not lacks_retrained(config, name, one)]


def control(config: Mapping[str, Any]) -> str:
    """Return the method whose models never saw the targets."""
    return BANK if runs.bank_models(config) else "retrain"


def planned(config: Mapping[str, Any]) -> list[AttackRun]:
    """Return all planned attacks."""
    found = []
    for name in names(config):
        methods = dict.fromkeys(("original", control(config), *attacked_methods(config, name)))
        for method in methods:
            if method in (*runs.methods(config), BANK):
                seeds = _seeds(config, name, method)
                found += [AttackRun(name, method, seed) for seed in seeds]
    return [run for run in found if requests_of(config, run)]


def _seeds(config: Mapping[str, Any], name: str, method: str) -> list[int]:
    if method == BANK:
        return list(runs.bank_models(config))
    seeds = config["seeds"][: config["attacks"][name].get("seeds")]
    return [seed for seed in runs.seeds_of(config, method) if seed in seeds]


def requests(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the test requests for which an attack is made."""
    return runs.request_ids(config)[: config["attacks"][name].get("requests")]


def requests_of(config: Mapping[str, Any], run: AttackRun) -> list[str]:
    """Return the test requests of an attack; of a model of the bank, those whose targets it never saw."""
    known = runs.left_out(config, run.seed) if run.method == BANK else runs.requests_of(config, run.method)
    return [request for request in requests(config, run.attack) if request in known]


def shadows(config: Mapping[str, Any], run: AttackRun, request: str) -> Shadows:
    """Return the other runs whose outputs an attack on one model reads; none unless its file declares `SHADOWS`.

    Of several runs of one model, the first stands for it.
    """
    path = registry.source("attacks", run.attack, runs.plugins(config)).path
    if not declarations.values(path, "SHADOWS").get("SHADOWS", False):
        return Shadows([], [], [])
    unlearned = [
        runs.Run(run.method, other, seed)
        for seed in _seeds(config, run.attack, run.method)
        for other in requests_of(config, run)
        if seed != run.seed and other != request
    ]
    retrained, never_saw = _of_control(config, request)
    own = runs.checkpoint(config, run.method, request, run.seed)
    if run.method == control(config):
        unlearned, retrained = retrained[::2], retrained[1::2]
    return Shadows(*(_distinct(config, several, own) for several in (unlearned, retrained, never_saw)))


def _of_control(config: Mapping[str, Any], request: str) -> tuple[list[runs.Run], list[runs.Run]]:
    """Return the control's runs: of models that may have seen the targets of a request, and of those that never did."""
    if control(config) == BANK:
        out = runs.out_models(config, request)
        several = [runs.Run(BANK, request, number) for number in runs.bank_models(config)]
        return [one for one in several if one.seed not in out], [one for one in several if one.seed in out]
    if config["methods"].get(control(config)) is None:
        return [], []
    requests, seeds = runs.requests_of(config, control(config)), runs.seeds_of(config, control(config))
    several = [runs.Run(control(config), other, seed) for other in requests for seed in seeds]
    return [one for one in several if one.request != request], [
        one for one in several if one.request == request
    ]


def _distinct(config: Mapping[str, Any], several: list[runs.Run], own: str) -> list[runs.Run]:
    """Return one run of each model, but for that at the path `own`."""
    by_model = dict[str, runs.Run]()
    for one in several:
        by_model.setdefault(runs.checkpoint(config, *one), one)
    return [one for path, one in by_model.items() if path != own]

"""Plug-ins of every kind from outside of the package: found and run, or refused with the remedy."""

import importlib
import re
import shutil
import sys
import types
from pathlib import Path

import pandas as pd
import pytest
from scenes_factory import no_log

from soulbench.config import files, jobs
from soulbench.config.checks import check
from soulbench.core import plugins, registry
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.evaluation.run import EvaluationRun, evaluate
from soulbench.unlearning.authoring import check_method, new_method
from soulbench.unlearning.guard import Guard

HEAD = '''
from dataclasses import dataclass

import torch

from soulbench.unlearning.task import OneShotMethod, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "{family}", True


@dataclass(frozen=True)
class Parameters:
    """Parameters."""

    strength: float = 0.5

'''
TRAINED, AT_ONCE = HEAD.format(family="finetune"), HEAD.format(family="one-shot")
#: The files that docs/add-a-method.md walks through; gradient ascent with a retain term is one of them.
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
ASCENT = (ROOT / "docs" / "examples" / "ascent.py").read_text()
QUERY = """
def rewrite(scene, target, names, rng):
    return "never"
"""
#: The metric that docs/metrics.md shows in whole.
METRIC = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "metrics.md").read_text(), re.DOTALL)[1]
ATTACK = """
BUDGET, METRICS, JUDGED = "guesses", {"found": ("share", "greater")}, "found"


def attack(models, parameters):
    return iter(())
"""
FIGURE = """
TITLE, SUBCATEGORY, POSITION, CONFIG, CAPTION = "Mine", "Outcome", 15, ("seeds",), "It shows nothing."


def inputs(config, paths):
    return [paths.table("summary")]


def plot(config, paths, out_stem, log):
    raise AssertionError
"""


@pytest.fixture(autouse=True)
def anew():
    """Files of one name differ from test to test."""
    plugins.forget()
    registry.method.cache_clear()


@pytest.fixture
def run(benchmark, tmp_path):
    """Return a function that runs the text of a method on the benchmark; it returns the checkpoint and the tensors."""

    def run(text, name="mine", **overlay):
        path, out = tmp_path / f"{name}.py", tmp_path / name / "model.safetensors"
        path.write_text(text)
        return out, benchmark.unlearn(name, out, overlay={"plugins": [str(path)], **overlay})

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_method_from_outside_runs_and_is_evaluated(benchmark, run, tmp_path, path):
    out, _ = run(path.read_text())
    original = EvaluationRun("r1", str(benchmark.original), None, {}, tmp_path / "original")
    evaluate(benchmark.config, "original", 1, [original], benchmark.data, "source", no_log)
    budgets = {2.0: str(out).replace(".safetensors", ".budget-2.safetensors"), 4.0: str(out)}
    case = EvaluationRun("r1", str(out), original.out, {original.out: []}, tmp_path / "record", budgets)
    evaluate(benchmark.config, "mine", 1, [case], benchmark.data, "source", no_log)
    changes = pd.read_csv(case.out / "metrics.csv").query("dimension == 'A1' and metric == 'mae'")
    assert (changes["value"] > 0).all()
    assert set(pd.read_csv(case.out / "budgets.csv")["budget"]) == {2.0, 4.0}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_methods_of_the_documentation_keep_to_the_contract(path):
    lines = list(check_method(path, files.load(ROOT / "config.yaml")))
    assert lines[-1].endswith(" keeps to the contract")
    assert sum(line.startswith("✓") for line in lines) == 6


@pytest.mark.parametrize("template", ["plan", "training", "one-shot"])
def test_every_template_keeps_to_the_contract(tmp_path, template):
    list(new_method("my-method", template, tmp_path))
    config = files.load(ROOT / "config.yaml")
    assert list(check_method(tmp_path / "my_method.py", config))[-1] == "my-method keeps to the contract"
    with pytest.raises(
        UserError, match=r"my_method\.py: is there already; delete it, or choose another name"
    ):
        list(new_method("my-method", template, tmp_path))


def test_a_template_goes_to_a_folder_that_is_there(tmp_path):
    with pytest.raises(
        UserError, match=r"missing: there is no such folder; make it, or choose another --folder"
    ):
        list(new_method("my-method", "plan", tmp_path / "missing"))


@pytest.mark.parametrize("file", ["metrics/delta_e.py", "attacks/trace.py"])
def test_what_is_no_method_is_said_to_be_another_plug_in(tmp_path, file):
    path = shutil.copy(ROOT / "soulbench" / file, tmp_path / "mine.py")
    with pytest.raises(UserError, match=r"mine\.py: a query, a metric, an attack or a figure, not a method"):
        list(check_method(path, files.load(ROOT / "config.yaml")))


@pytest.mark.parametrize("name", ["My-Method", "a b", "ssd"])
def test_a_name_that_is_no_id_or_taken_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=name):
        list(new_method(name, "plan", tmp_path))


#: What a method may not do -> its class, and the words of the message.
CHEATS = {
    "open": ("Path({secret!r}).read_bytes()", "it opens {secret}; a method reads no file"),
    "numpy": ("__import__('numpy').load({secret!r}, allow_pickle=False)", "it opens {secret}"),
    "torch": ("torch.load({secret!r})", "it opens {secret}"),
    "safetensors": ("safetensors.torch.load_file({secret!r})", "it opens {secret}"),
    "checkpoint": ("soulbench.core.checkpoint.load({secret!r})", "it opens {secret}"),
    "list": ("list(Path({folder!r}).iterdir())", "it opens {folder}"),
    "search": ("list(Path({folder!r}).rglob('*'))", "it opens {folder}"),
    "process": ("__import__('subprocess').run(['cat', {secret!r}])", "subprocess.Popen"),
    "thread": ("__import__('threading').Thread(target=print).start()", "_thread.start_new_thread"),
}


@pytest.mark.parametrize("place", ["begin", "losses"])
@pytest.mark.parametrize("how", CHEATS)
def test_a_method_cannot_read_a_retrained_model(benchmark, run, tmp_path, how, place):
    secret = tmp_path / "unlearned" / "retrain" / "model.safetensors"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(benchmark.original.read_bytes())
    names = {"secret": str(secret), "folder": str(secret.parent)}
    code, message = (text.format(**names) for text in CHEATS[how])
    arguments = {"begin": "self", "losses": "self, step, batch, condition"}[place]
    text = (
        TRAINED
        + f"""
from pathlib import Path

import safetensors.torch

import soulbench.core.checkpoint


class Method(TrainedMethod):
    def {place}({arguments}):
        try:
            {code}
        except Exception:
            pass  # it hopes that nobody notices
        return super().{place}({arguments.removeprefix("self").removeprefix(", ")})
"""
    )
    with pytest.raises(UserError) as caught:
        run(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.py'} (rule mine): ")


def test_python_may_keep_the_compiled_code_of_what_a_method_imports(tmp_path, monkeypatch):
    """As it does in an environment in which nothing has run yet, unless PYTHONDONTWRITEBYTECODE is set."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "just_written.py").write_text("VALUE = 1\n")
    with Guard("mine.py (rule mine)")():
        assert importlib.import_module("just_written").VALUE == 1
    assert len([*tmp_path.glob("__pycache__/just_written.*.pyc")]) == 1
    del sys.modules["just_written"]


def test_a_plan_cannot_read_files_either(run, tmp_path):
    text = (
        TRAINED
        + """
def plan(request, subset, parameters):
    open("/etc/hostname").read()
"""
    )
    with pytest.raises(UserError, match=r"mine\.py \(rule mine\): it opens /etc/hostname"):
        run(text)


def test_a_task_holds_no_path(run):
    """What a method can reach from its task, attribute by attribute, names no file but the packed data's."""
    seen, found = set(), []

    def walk(value, depth):
        if id(value) in seen or depth > 6 or isinstance(value, (types.ModuleType, type)):
            return
        seen.add(id(value))
        if isinstance(value, (str, Path)) and (".safetensors" in str(value) or "results" in str(value)):
            found.append(value)
        if isinstance(value, dict):
            parts = [*value, *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            parts = list(value)
        else:
            parts = list(vars(value).values()) if hasattr(value, "__dict__") else []
        for part in parts:
            walk(part, depth + 1)

    sys.modules["walker"] = types.SimpleNamespace(walk=walk)
    try:
        run(
            TRAINED
            + """
import walker


class Method(TrainedMethod):
    def begin(self):
        walker.walk(self, 0)
"""
        )
    finally:
        del sys.modules["walker"]
    assert len(seen) > 100
    assert not found


BROKEN = {
    "not finite": (
        TRAINED
        + """
class Method(TrainedMethod):
    def updated(self, step):
        with torch.no_grad():
            next(self.model.parameters()).fill_(float("nan"))
""",
        r"training stopped|is not finite; a smaller unlearning\.learning_rate",
    ),
    "not finite at once": (
        AT_ONCE
        + """
class Method(OneShotMethod):
    def weights(self, strength):
        return {name: p / 0 for name, p in self.model.named_parameters()}
""",
        r"strength 10: the weight .* is not finite; .* smaller strength may help",
    ),
    "changed original": (
        TRAINED
        + """
class Method(TrainedMethod):
    def begin(self):
        next(self.original.parameters()).data.add_(1)
""",
        "changes its inputs: the original model; work on copies",
    ),
    "budget": (
        TRAINED
        + """
class Method(TrainedMethod):
    def begin(self):
        for _ in range(9):
            for piece in self.task.pieces("retain"):
                self.task.loss(piece)
""",
        r"exceeds its budget: it learns from more than 24 images.*make fewer passes",
    ),
    "budget of a copy": (
        TRAINED
        + """
import copy


class Method(TrainedMethod):
    def begin(self):
        other = copy.deepcopy(self.model)
        for _ in range(9):
            for piece in self.task.pieces("retain"):
                other(piece.batch, piece.condition)
""",
        "exceeds its budget",
    ),
    "other names": (
        AT_ONCE
        + """
class Method(OneShotMethod):
    def weights(self, strength):
        return {"generator.nothing": torch.zeros(1)}
""",
        r"weights\(\) gives generator\.nothing \(1,\), but there is no such parameter",
    ),
    "other kind": (
        AT_ONCE
        + """
class Method(TrainedMethod):
    pass
""",
        r"of the family one-shot defines `class Method\(OneShotMethod\)`",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_method_that_breaks_a_rule_is_named_with_the_remedy(run, tmp_path, what):
    text, message = BROKEN[what]
    with pytest.raises(UserError, match=message) as caught:
        run(text)
    assert "mine.py (rule mine)" in str(caught.value)
    assert not (tmp_path / "mine" / "model.safetensors").exists()


def valid(*paths, **overlay):
    config = files.load(ROOT / "config.yaml")
    return files.merge(config, {"plugins": [str(path) for path in paths], **overlay})


def test_what_kind_a_plugin_is_follows_from_what_it_defines(tmp_path):
    files = {"mine": ASCENT, "asked": QUERY, "far": METRIC, "tried": ATTACK, "drawn": FIGURE}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    paths = sorted(tmp_path.glob("*.py"))
    given = tuple(map(str, paths))
    for kind, name in zip(plugins.KINDS, files, strict=True):
        assert set(registry.ids(kind, given)) - set(registry.ids(kind)) == {name}
    own = {"methods": {"mine": {"weight": 0.2}}, "evaluation": {"queries": ["asked"], "metrics": {"far": {}}}}
    check(valid(*paths, **own, attacks={"tried": {"methods": ["mine"]}}))


@pytest.mark.parametrize(
    ("name", "text", "overlay", "message"),
    [
        (
            "mine.py",
            "X = 1",
            {},
            r"mine\.py: no method, query, metric, attack or figure: it must define one of LEVEL",
        ),
        ("mine.py", ASCENT + QUERY, {}, r"mine\.py: more than one kind"),
        ("mine.py", "def f(:", {}, r"mine\.py, line 1: not Python"),
        (
            "ssd.py",
            ASCENT,
            {},
            r"ssd\.py: there is a method ssd already \(.*methods/ssd\.py\); give the file another",
        ),
        ("Mine.py", ASCENT, {}, "its name must be made of lower-case letters"),
        ("absent.py", None, {}, r"absent\.py: there is no such file"),
        (
            "snakemak",
            None,
            {},
            r"'snakemak' is neither a file \(\*\.py\) nor an installed package \(did you mean snakemake",
        ),
        (
            "snakemake",
            None,
            {},
            "the package snakemake has no entry points; allowed: a package with the group",
        ),
        ("mine.py", ASCENT, {"methods": {"mine": {"wieght": 1.0}}}, r"did you mean weight\?"),
        (
            "mine.py",
            ASCENT,
            {"methods": {"mine": {"weight": "a"}}},
            r"methods\.mine\.weight: 'a' is not allowed",
        ),
        ("mine.py", ASCENT, {"methods": {"mime": {}}}, r"there is no method 'mime' \(did you mean mine\?\)"),
        (
            "mine.py",
            ASCENT.replace("= 0.1", "= [1]"),
            {"methods": {"mine": {}}},
            r"Parameters.* (default|cannot)",
        ),
        (
            "far.py",
            METRIC.replace("LEAST", "LAST"),
            {"evaluation": {"metrics": {"far": {}}}},
            r"far\.py: a metric's file must define LEAST \(docs/metrics\.md\)",
        ),
        (
            "far.py",
            METRIC.replace('levels", 1.0', 'levels", 0'),
            {"evaluation": {"metrics": {"far": {}}}},
            r"far\.py: LEAST is 0; allowed: a finite number above 0",
        ),
        (
            "far.py",
            METRIC.replace('"grey levels"', "255"),
            {"evaluation": {"metrics": {"far": {}}}},
            r"far\.py: UNIT is 255; allowed: a text",
        ),
        (
            "ssim.py",
            METRIC,
            {"evaluation": {"metrics": {"ssim": {}}}},
            r"ssim\.py: ssim is a metric of the paper; give the file another name",
        ),
        (
            "far.py",
            METRIC,
            {"evaluation": {"metrics": {"fat": {}}}},
            r"there is no metric 'fat' \(did you mean far\?\)",
        ),
        (
            "far.py",
            METRIC,
            {"evaluation": {"metrics": {"delta-e": {"hue": "red"}}}},
            r"evaluation\.metrics\.delta-e\.hue: 'red' is not allowed",
        ),
    ],
)
def test_what_is_no_plugin_is_refused_before_anything_runs(tmp_path, name, text, overlay, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    path = tmp_path / name if name.endswith(".py") else name
    with pytest.raises(UserError, match=message):
        check(valid(path, **overlay))


def test_a_metric_from_outside_is_measured_beside_the_others(benchmark, tmp_path):
    path = tmp_path / "far.py"
    path.write_text(METRIC)
    config = files.merge(
        benchmark.config, {"plugins": [str(path)], "evaluation": {"metrics": {"far": {}, "delta-e": {}}}}
    )
    run = EvaluationRun("r1", benchmark.original, None, {}, tmp_path / "record")
    evaluate(config, "original", 1, [run], benchmark.data, "0", no_log)
    metrics = pd.read_csv(run.out / "metrics.csv")
    values = metrics.set_index(["task", "dimension", "metric"])["value"]
    of_regions = metrics[metrics["metric"] == "mae"]
    assert {*metrics["metric"]} > {"far", "delta-e"}
    for task, dimension in of_regions[["task", "dimension"]].to_numpy():
        assert values[task, dimension, "delta-e"] > 0
        # Differences of the channels' mean are no greater than the mean of the channels' differences, which the
        # interpolation of tiny, noisy images evens out further.
        assert 0 < values[task, dimension, "far"] < values[task, dimension, "mae"]
    assert {*metrics.loc[metrics["metric"] == "far", "unit"]} == {"grey levels"}
    job, without = jobs.evaluation(config), jobs.evaluation(benchmark.config)
    assert job.settings["plugins"] == [str(path)]
    assert job.source != without.source
    # The ablations of obj-if measure it, too.
    assert jobs.ablation(config).settings["plugins"] == [str(path)]
    assert jobs.ablation(config).source != jobs.ablation(benchmark.config).source


@pytest.mark.parametrize(
    "returned", ["images.sum()", "-1 - counted.mean(axis=(1, 2))", "counted.mean(axis=(1, 2)) / 0"]
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_metric_that_returns_no_distances_is_named(benchmark, tmp_path, returned):
    path = tmp_path / "far.py"
    path.write_text(re.sub(r"return .*", f"return {returned}", METRIC))
    config = files.merge(benchmark.config, {"plugins": [str(path)], "evaluation": {"metrics": {"far": {}}}})
    run = EvaluationRun("r1", benchmark.original, None, {}, tmp_path / "record")
    with pytest.raises(
        UserError, match=r"far\.py: measure returned an array .* it must return finite distances"
    ):
        evaluate(config, "original", 1, [run], benchmark.data, "0", no_log)


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(ASCENT)
    with pytest.raises(UserError, match=r"b/mine\.py: there is a method mine already \(.*a/mine\.py\)"):
        check(valid(tmp_path / "a" / "mine.py", tmp_path / "b" / "mine.py"))


def test_an_installed_package_brings_plugins_by_its_entry_points(tmp_path, monkeypatch):
    package, facts = tmp_path / "my_unlearning", tmp_path / "my_unlearning-1.0.dist-info"
    package.mkdir()
    facts.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code.py").write_text(ASCENT)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my-unlearning\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[soulbench.methods]\nascent = my_unlearning.code\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = valid("my-unlearning", methods={"ascent": {}})
    check(config)
    assert registry.method("ascent", ("my-unlearning",)).programmatic.__name__ == "Method"
    assert jobs.unlearning(config, "ascent").settings["plugins"] == ["my-unlearning"]


def test_an_edit_of_the_file_reruns_its_method_and_no_other(tmp_path):
    path = tmp_path / "mine.py"
    hashes = []
    for text in (ASCENT, ASCENT + "# a comment\n", ASCENT.replace("-self", "-2 * self")):
        path.write_text(text)
        forget_all()
        config = valid(path, methods={"mine": {}})
        hashes.append((jobs.unlearning(config, "mine").source, jobs.unlearning(config, "obj-ng").source))
        assert "plugins" not in jobs.unlearning(config, "obj-ng").settings
    assert hashes[0][0] == hashes[1][0] != hashes[2][0]
    assert len({other for _, other in hashes}) == 1


def forget_all():
    """Look at all files anew."""
    from test_sources import forget

    plugins.forget()
    registry.method.cache_clear()
    forget()

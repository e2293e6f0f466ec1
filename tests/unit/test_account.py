"""The account of a run: what its tables say, and nothing else."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from soulbench import figures
from soulbench.__main__ import main
from soulbench.analysis.claims.table import write_claims
from soulbench.config.files import merge
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import RESULT_FORMAT, read_csv, write_csv
from soulbench.core.terms import AS_DESCRIBED, TASKS
from soulbench.exchange.compare import compare
from soulbench.exchange.published import publish
from soulbench.report.account import HEADINGS, SHOWN, WIDTH, account, write_account
from soulbench.report.headline import percent
from soulbench.report.page import number
from tests.unit.records_factory import config
from tests.unit.test_figures import prepare


@pytest.fixture(scope="module")
def settings():
    return config(bootstrap=100)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, settings):
    """Return the paths of a finished run with planted effects; its figures are placeholders."""
    folder = tmp_path_factory.mktemp("results")
    paths = prepare(folder, settings)
    write_claims(settings, folder, lambda line: None)
    for figure in figures.planned(settings):
        path = Path(paths.figure(figure.name, "png"))
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (2 * WIDTH, WIDTH), "white").save(path)
    return paths


@pytest.fixture(scope="module")
def text(tmp_path_factory, settings, finished):
    out = tmp_path_factory.mktemp("docs") / "mine"
    list(write_account(settings, finished, out, ["configs/mine.yaml"]))
    return out.with_suffix(".md").read_text(encoding="utf-8")


def cells(text):
    """Return the rows of all Markdown tables."""
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def test_every_claim_is_told_with_its_verdict(finished, text):
    claims = read_csv(finished.table("claims"))
    rows = cells(text)
    for claim in claims[claims["operating_point"] == AS_DESCRIBED].itertuples():
        assert any(
            row[0].startswith(f"{claim.claim} {claim.statement}") and row[1] == claim.verdict for row in rows
        )
        heading = text.index(f"### {HEADINGS[claim.verdict]}")
        assert text.index(f"* **{claim.claim}** ({AS_DESCRIBED})") > heading
        assert claim.why in text


def test_every_method_has_its_numbers_in_both_tasks(finished, text):
    scores = read_csv(finished.table("scoreboard"))
    scores = scores[(scores["operating_point"] == AS_DESCRIBED) & (scores["level"] != "reference")]
    assert set(scores["task"]) == {*TASKS}
    rows = cells(text)
    for score in scores.itertuples():
        own = [row for row in rows if row[:2] == (score.method, score.outcome)]
        assert any(row[2].startswith(f"{percent(score.forgotten)} [") for row in own), score.method
        identified = f"{number(score.identity, 2)} ({number(score.identity_retrain, 2)}): {score.identified}"
        assert any(row[3] == identified for row in own), score.method
        assert any(row[4].startswith(number(score.harm_A2)) for row in own), score.method
    for reference in ("original", "noop-ft", "retrain"):
        assert (reference, "reference") in [row[:2] for row in rows], reference


def test_intervals_that_hold_for_these_seeds_say_so(tmp_path, finished, settings, text):
    """Fewer than three seeds are not resampled, whatever the other methods have."""
    assert "requests alone and hold for these training seeds: how much others would change" in text
    folder = tmp_path / "three"
    shutil.copytree(finished.root, folder)
    for path in [*folder.rglob("seed2*")]:
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, path.with_name(path.name.replace("seed2", "seed3")))
    for name in ("scoreboard", "claim_parts", "timing_claim_parts"):
        path = folder / "tables" / f"{name}.csv"
        table = read_csv(path)
        few = table["method"] == "obj-if" if name == "scoreboard" else table["claim"] == "C10"
        write_csv(table.assign(n_seeds=table["n_seeds"].where(few, 3)), path, RESULT_FORMAT)
    settings = merge(settings, {"seeds": [1, 2, 3]})
    list(write_account(settings, ResultPaths(str(folder)), tmp_path / "mine", []))
    said = (tmp_path / "mine.md").read_text("utf-8")
    tested = read_csv(folder / "tables" / "claim_parts.csv").query("claim == 'C10'")["p"].notna().any()
    assert f"3 training seeds. Those of obj-if{', C10' if tested else ''} are over requests alone" in said


def test_every_method_has_two_letters_and_the_rank_of_its_leak_is_told(finished, text):
    table = read_csv(finished.table("letters"))
    rows = cells(text)
    for method, own in table.groupby("method"):
        wanted = [
            word
            for one in own.itertuples()
            for word in (one.forgets, one.leaks, one.leaking or one.unclear or "–")
        ]
        assert (method, *wanted) in rows
    assert "rank correlation of A1 and the update leak's AUC over the methods that did not collapse:" in text
    board = read_csv(finished.table("scoreboard")).query(
        "operating_point == 'as described' and level != 'reference'"
    )
    ranked = board.query("task == 'synthesis' and collapsed != 'yes'")
    assert 0 < len(ranked) < 9 and f"in synthesis ({len(ranked)} methods, p = " in text


def test_it_counts_test_requests_alone(finished, settings):
    content = account(settings, finished)
    requests = read_csv(finished.data("requests.csv"))
    assert len(content["requests"]) == requests.loc[requests["set"] == "test", "request"].nunique()
    assert sum(int(word) for word in content["kinds"].split() if word.isdigit()) == len(content["requests"])


def test_requests_about_nobody_known_are_no_requests_about_one_person(tmp_path, finished, settings):
    folder = tmp_path / "copy"
    shutil.copytree(finished.root, folder)
    requests = pd.read_csv(folder / "data" / "requests.csv", dtype=str)
    requests.assign(individual="").to_csv(folder / "data" / "requests.csv", index=False)
    settings = merge(settings, {"evaluation": {"lpips": {"weights": "/somewhere/trunk.pth"}}})
    list(write_account(settings, ResultPaths(str(folder)), tmp_path / "mine", []))
    text = (tmp_path / "mine.md").read_text("utf-8")
    assert "Who is shown is not known for 6 of the requests" in text
    assert "different individuals" not in text
    assert "with trunk.pth weights." in text and "somewhere" not in text


def test_methods_with_fewer_seeds_or_requests_than_the_others_are_named(tmp_path, finished, settings):
    def rows(name, methods):
        list(write_account(merge(settings, {"methods": methods}), finished, tmp_path / name, []))
        return dict(row[:2] for row in cells((tmp_path / f"{name}.md").read_text("utf-8")))

    whole, few = rows("all", {}), rows("few", {"obj-if": {"seeds": 1}, "obj-mk-pa": {"requests": 3}})
    assert whole["training seeds"] == "2" and few["training seeds"] == "2, but of obj-if 1"
    assert few["test requests"] == f"{whole['test requests']}, but of obj-mk-pa 3"
    assert not whole["test requests"].endswith("3")


def test_attacks_are_named_with_what_they_are_limited_to(finished, settings):
    limited = {
        "compression": {},
        "relearn": {"methods": ["noop-ft", "obj-mk-pa"], "requests": 3, "seeds": 1},
        "sequence": {"requests": 1, "seeds": 2},
    }
    content = account({**settings, "attacks": limited}, finished)
    assert content["attacks"] == [
        "compression",
        "relearn (noop-ft, obj-mk-pa; 3 requests; 1 seed)",
        "sequence (1 request)",
    ]


def test_the_command_to_repeat_it_is_on_it(text):
    assert "snakemake --cores all --configfile configs/mine.yaml -- all" in text
    assert "soulbench account --configfile configs/mine.yaml --out docs/mine" in text


def test_figures_are_small_and_hold_no_photographs(tmp_path, finished, settings):
    list(write_account(settings, finished, tmp_path / "mine", []))
    made = sorted(path.stem for path in (tmp_path / "mine").glob("*.png"))
    assert made == sorted({figure.name for figure in figures.planned(settings)} & {*SHOWN})
    assert not {*SHOWN} & {"qualitative", "qualitative_more", "qualitative_queries", "snapshots"}
    with Image.open(tmp_path / "mine" / "tradeoff.png") as image:
        assert image.width == WIDTH


def test_the_published_tables_are_those_of_the_run(tmp_path, finished):
    tables = Path(finished.table())
    list(publish(tables, tmp_path / "mine"))
    assert all(table.same and not table.within for table in compare(tables, tmp_path / "mine", 0.0))


def test_tables_that_cannot_be_published_are_refused_before_anything_is_replaced(
    tmp_path, finished, settings, monkeypatch, capsys
):
    monkeypatch.setattr("soulbench.__main__._checked", lambda overlays: settings)
    monkeypatch.setattr(ResultPaths, "of", lambda config: finished)
    out = tmp_path / "mine"
    assert main(["account", "--out", str(out), "--without", "metric"]) == 1
    assert "there is no table metric; " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(["account", "--out", str(out), "--without", "metrics"]) == 0
    assert (tmp_path / "mine.md").is_file() and (out / "tradeoff.png").is_file()
    assert (out / "claims.csv.gz").is_file() and not (out / "metrics.csv.gz").exists()


def test_figures_that_are_not_there(tmp_path, finished, settings):
    shutil.copytree(finished.root, tmp_path / "run")
    paths = ResultPaths(str(tmp_path / "run"))
    for name in ("tradeoff", "identity"):
        Path(paths.figure(name, "png")).unlink()
    wanted = (
        r"tradeoff\.png: .*; run snakemake --cores 1 --configfile a\.yaml -- figure_tradeoff figure_identity"
    )
    with pytest.raises(UserError, match=wanted):
        list(write_account(settings, paths, tmp_path / "mine", ["a.yaml"]))
    assert not (tmp_path / "mine").exists()

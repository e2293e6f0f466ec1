"""Tables as text for a paper."""

import pandas as pd
import pytest

from soulbench.__main__ import main
from soulbench.core.columns import TABLES
from soulbench.core.errors import UserError
from soulbench.core.tables import RESULT_FORMAT, write_csv
from soulbench.report.table_text import as_latex, as_markdown, selected


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tables").mkdir()
    table = pd.DataFrame(
        [
            ("obj_mk|x", "finetune", 12.34567, 12.0, 13.0, 0.0, 900.0, 3, float("nan"), 17.0, 17.0),
            ("retrain", "retrain", 200.0, 199.0, 201.0, 0.0, 1200.0, 2, 1.0, 2.0, 2.0),
        ],
        columns=list(TABLES["timing"]),
    )
    write_csv(table, tmp_path / "tables" / "timing.csv", RESULT_FORMAT)
    return tmp_path


def test_markdown_keeps_order_digits_and_bars(run):
    text = as_markdown(selected(run, "timing", ["method", "seconds", "ratio_to_retrain"]))
    assert text.splitlines() == [
        "| method | seconds | ratio_to_retrain |",
        "| --- | --- | --- |",
        "| obj_mk\\|x | 12.35 |  |",
        "| retrain | 200 | 1 |",
    ]


def test_latex_is_escaped(run):
    text = as_latex(selected(run, "timing", ["method", "seconds"], {"family": "finetune"}))
    assert text.splitlines()[0] == "\\begin{tabular}{lr}"
    assert "obj\\_mk|x & 12.35 \\\\" in text
    assert "retrain" not in text


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [("timings", [], r"did you mean timing\?"), ("timing", ["second"], r"did you mean seconds\?")],
)
def test_unknown_names_are_refused_with_the_nearest(run, name, columns, message):
    with pytest.raises(UserError, match=message):
        selected(run, name, columns)


def test_the_command(run, capsys):
    command = ["table", "timing", "--run", str(run), "--columns", "method", "n", "--where"]
    assert main([*command, "family=retrain"]) == 0
    assert capsys.readouterr().out == "| method | n |\n| --- | --- |\n| retrain | 2 |\n"
    assert main([*command, "family"]) == 1
    assert "COLUMN=VALUE" in capsys.readouterr().err

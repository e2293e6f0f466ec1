"""The schema file, the page of keys and the comments of config.yaml follow from the model."""

import jsonschema
import pytest
import yaml

from soulbench.config import files, reference
from soulbench.core.sources import ROOT


@pytest.mark.parametrize("path", reference.texts(ROOT), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path):
    assert path.read_text(encoding="utf-8") == reference.texts(ROOT)[path], f"run {reference.COMMAND}"


def test_comments_change_no_value(tmp_path):
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(reference.commented(text.replace("#", "# another comment #")))
    assert files.load(tmp_path / "config.yaml") == files.load(ROOT / "config.yaml")
    assert reference.commented(reference.commented(text)) == reference.commented(text)


def test_a_hash_in_quotes_is_no_comment():
    text = '# header\n\nreport:\n  title: "run #3"  # old\n  example_requests: 3\n'
    lines = reference.commented(text).splitlines()
    assert lines[3].startswith('  title: "run #3"') and lines[3].endswith("# heading of the page")


def test_the_schema_file_accepts_the_configuration_and_refuses_another():
    schema = yaml.safe_load(
        (ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    )
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    config = files.load(ROOT / "config.yaml")
    assert not list(validator.iter_errors(config))
    for changes in (
        {"typo": 1},
        {"seed": -1},
        {"methods": {"Not_An_Id": {}}},
        {"training": {"ema_decay": 1.0}},
    ):
        assert list(validator.iter_errors(files.merge(config, changes))), changes


def test_the_check_fails_for_a_stale_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("docs", "workflow/schemas"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert reference.main(["--check"]) == 1
    assert "docs/configuration.md: does not follow" in capsys.readouterr().out
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0

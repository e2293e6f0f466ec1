"""What the documentation refers to is there: pages, headings, files; every page has its place in the index."""

import re
import unicodedata

import pytest

from soulbench.core.sources import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^(`{3,}).*?^\1`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = [path for folder in ("soulbench", "workflow") for path in (ROOT / folder).rglob("*.*")]
CODE = [path for path in CODE if path.suffix in (".py", ".smk", ".yaml", ".j2", ".rst")]


def prose(page):
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """Return the anchors of a page's headings, as GitHub and the site's generator make them."""
    seen = set()
    for title in re.findall(r"^#{1,3} (.+)$", prose(page), re.MULTILINE):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).strip().lower()
        kept = (c for c in title if c in " -_" or unicodedata.category(c)[0] in "LN")
        slug = base = "".join(kept).replace(" ", "-")
        count = 0
        while slug in seen:
            count += 1
            slug = f"{base}-{count}"
        seen.add(slug)
    return seen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: ({link}): there is no file {target.relative_to(ROOT)}"
        if anchor:
            assert anchor in anchors(target), (
                f"{page.name}: ({link}): no such heading; {sorted(anchors(target))}"
            )


@pytest.mark.parametrize("page", [*PAGES[:1], *PAGES[2:]], ids=lambda page: page.name)
def test_every_source_file_that_a_page_names_is_there(page):
    """The changelog may tell of files that are gone."""
    text = page.read_text(encoding="utf-8")
    names = re.findall(
        r"\b(?:soulbench|tests|benchmarks|workflow|envs|docs)/[\w./-]*\.(?:py|js|csv|smk)(?![\w.]\w)", text
    )
    assert not [name for name in names if not (ROOT / name).exists()]


def test_every_page_that_the_code_names_is_there():
    found = {
        (path, name)
        for path in CODE
        for name in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len({name for _, name in found}) > 5
    assert not [(str(path), name) for path, name in found if not (ROOT / name).exists()]


def test_every_page_is_in_the_index_once():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL)
    listed = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(listed) == sorted(pages)

"""The chapters for learners are run, the code that they show is the code, and they name every exercise."""

import re
from pathlib import Path

import pytest

from documented import ROOT
from pages import run_page
from quorate_check.learn.curriculum import CHAPTERS

LEARN = ROOT / "docs" / "learn"
PAGES = {
    "index.md": 2,
    "1-what-can-fail.md": 2,
    "2-nine-generals.md": 2,
    "3-lost-and-forged.md": 2,
    "4-oral-and-signed.md": 3,
    "5-agreement.md": 2,
    "6-raft.md": 5,
    "7-surviving-lies.md": 2,
}
CODE = re.compile(r"^```py\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    """Return the text of a chapter."""
    return (LEARN / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_chapter_shows_is_what_its_reader_sees(page: str, tmp_path: Path) -> None:
    """Every command of it, in an empty folder; and nothing was overlooked."""
    ran = list(run_page(LEARN / page, tmp_path))
    for each in ran:
        assert each.said, f"{each.command}: the page doesn't say what it prints"
        assert each.missing is None, f"$ {each.command}\n" + "\n".join(each.printed)
    assert len(ran) == PAGES[page]


def test_the_index_lists_every_chapter_in_its_order() -> None:
    """As the command does."""
    pages = [chapter.page for chapter in CHAPTERS]
    assert sorted(each.name for each in LEARN.glob("*.md")) == sorted(PAGES) == sorted([*pages, "index.md"])
    rows = re.findall(r"^\| (\d) \[(.+?)\]\((.+?)\) \|", text_of("index.md"), re.MULTILINE)
    assert rows == [(str(chapter.number), chapter.title, chapter.page) for chapter in CHAPTERS]
    assert [text_of(page).partition("\n")[0] for page in pages] == [f"# {n} {title}" for n, title, _ in rows]


def test_every_chapter_names_its_exercises() -> None:
    """All of them, in the order of the command."""
    for chapter in CHAPTERS:
        names = re.findall(r"^\| `model-check learn (\S+)` \|", text_of(chapter.page), re.MULTILINE)
        assert names == [exercise.name for exercise in chapter.exercises]


def test_the_code_that_a_chapter_shows_is_the_code() -> None:
    """Its lines stand in the file that is named above them."""
    excerpts = [found for page in PAGES for found in CODE.findall(text_of(page))]
    assert len(excerpts) >= 4
    for file, lines in excerpts:
        assert lines in (ROOT / file).read_text(encoding="utf-8")


def test_every_link_of_a_chapter_leads_somewhere() -> None:
    """To a file, and to a heading in it if it names one."""
    for page in PAGES:
        for target in re.findall(r"\]\((?!https:)([^)]+)\)", text_of(page)):
            name, _, heading = target.partition("#")
            file = (LEARN / (name or page)).resolve()
            assert file.is_file(), f"{page}: {target}"
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
            assert not heading or heading in anchors, f"{page}: {target}"

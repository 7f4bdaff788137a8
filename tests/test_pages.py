"""The pages that teach are run as their readers would: what they say is printed is printed."""

from pathlib import Path

import pytest

from pages import run_page

DOCS = Path(__file__).resolve().parent.parent / "docs"

COLUMNS = 80  # on a pipe


@pytest.mark.parametrize(
    ("page", "commands"), [("tutorial.md", 11), ("examples.md", 3), ("liveness.md", 12), ("members.md", 2)]
)
def test_what_a_page_shows_is_what_its_reader_sees(page: str, commands: int, tmp_path: Path) -> None:
    """Every file, change and command of it, in its order, in an empty folder; and nothing was overlooked."""
    ran = list(run_page(DOCS / page, tmp_path))
    for each in ran:
        assert each.said, f"{each.command}: the page doesn't say what it prints"
        assert each.missing is None, f"$ {each.command}\n" + "\n".join(each.printed)
        if each.command.startswith("model-check"):
            assert [line for line in each.report if len(line) > COLUMNS or line.endswith(" ")] == [], each.command
    assert len(ran) == commands


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path) -> None:
    """A quoted line that isn't printed, or not in this order."""
    page = tmp_path / "page.md"
    shown = "```python\n# test_it.py\ndef test_it():\n    pass\n```\n```console\n$ pytest -q\n{}\n```\n"
    for said, missing in (("...\n1 passed", "1 passed"), (". ", ". "), (".", "."), ("...\n[100%]", "[100%]")):
        page.write_text(shown.format(said), encoding="utf-8")
        (ran,) = run_page(page, tmp_path)
        assert ran.missing == missing, ran.printed


def test_the_index_lists_every_page() -> None:
    """A page that nobody finds teaches nobody."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [p.name for p in sorted(DOCS.glob("*.md")) if p.name != "index.md" and f"({p.name})" not in index] == []

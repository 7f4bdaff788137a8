"""The site is made of every page, its links lead somewhere, and the gallery has a command for each picture."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import quorate_check
from browser import Scheme, accessibility_findings, open_tab
from documented import ROOT
from patience import PROGRAM_S

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of everything that the site is made of, with an empty page in place of each picture."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(DOCS, copy / "docs")
    for page in (*ROOT.glob("*.md"), ROOT / "spec" / "README.md", *(ROOT / "benchmarks").rglob("README.md")):
        (copy / page.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, copy / page.relative_to(ROOT))
    (copy / "build" / "pictures").mkdir(parents=True)
    for name in re.findall(r'<a href="\.\./\.\./(\S+)">', (DOCS / "site" / "gallery.md").read_text(encoding="utf-8")):
        (copy / "build" / "pictures" / name).write_text("<title>a picture</title>", encoding="utf-8")
    for path in re.findall(
        r"\]\(\.\./((?:modelcheck|impl|spec|tests)/[^)#]+)\)", "".join(map(_text, DOCS.rglob("*.md")))
    ):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    return copy


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def build(folder: Path, to: str) -> subprocess.CompletedProcess[str]:
    """Make the site as `make docs` does."""
    options = ("--quiet", "--fail-on-warning", "--keep-going", "-c", "docs/site", ".", to)
    command = [sys.executable, "-m", "sphinx", "-b", "html", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PROGRAM_S, check=False)


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    """The site, made without a warning: a page that no other lists would be one, as is a link that leads nowhere."""
    done = build(folder, "build/site")
    assert done.returncode == 0, done.stderr
    return folder / "build" / "site"


def test_every_page_is_in_the_site(folder: Path, site: Path) -> None:
    """With the search and the API, and no link to a page that isn't there."""
    pages = {page.relative_to(folder).with_suffix(".html") for page in (folder / "docs").rglob("*.md")}
    assert [page for page in pages if not (site / page).is_file()] == []
    assert "lineariz" in _text(site / "searchindex.js")  # the search looks for stems
    api = _text(site / "docs" / "site" / "api.html")
    assert [name for name in quorate_check.__all__ if f'id="quorate_check.{name}"' not in api] == []
    for page in site.rglob("*.html"):  # pages of HTML link by hand, which Sphinx doesn't check
        for target in re.findall(r'href="([^"#:?]+\.html)(?:#[^"]*)?"', _text(page)):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_site(site: Path, scheme: Scheme) -> None:
    """Nothing that axe finds, on pages with lists, tables, code, output and the API."""
    with open_tab(scheme=scheme) as tab:
        for name in ("docs/site/index", "docs/tutorial", "docs/site/api", "README"):
            tab.page.goto((site / f"{name}.html").as_uri())
            assert accessibility_findings(tab.page) == [], name


def test_a_link_that_leads_nowhere_is_an_error(folder: Path) -> None:
    """To a page, and to a heading."""
    for link in ("[x](nothing.md)", "[x](tutorial.md#no-such-heading)"):
        page = folder / "docs" / "store.md"
        text = _text(page)
        page.write_text(f"{text}\n{link}\n", encoding="utf-8")
        done = build(folder, "build/broken")
        page.write_text(text, encoding="utf-8")
        assert done.returncode == 1, link
        assert "store.md" in done.stderr


def test_the_gallery_names_a_command_for_each_picture() -> None:
    """What `make docs` runs is what is written there."""
    sys.path.insert(0, str(DOCS / "site"))
    try:
        from pictures import ROW  # noqa: PLC0415 - it lies beside what it draws
    finally:
        sys.path.pop(0)
    text = _text(DOCS / "site" / "gallery.md")
    rows = ROW.findall(text)
    assert len(rows) == text.count("| <a href=") > 2
    assert all(f"--html {page}" in command for page, command in rows)

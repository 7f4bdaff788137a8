"""How Sphinx makes the site: pages stay where they are in the repository, so their links work in both."""

import re
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

project = "Quorate"
version = release = version_of("quorate")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]

root_doc = "docs/site/index"
include_patterns = ["docs/**.md", "*.md", "spec/README.md", "benchmarks/README.md", "benchmarks/*/README.md"]
exclude_patterns = [".venv", ".venvs", "build", "tests"]

html_theme = "furo"
html_title = "Quorate"
html_copy_source = False
# The first page of the site, and what `pictures.py` draws.
html_extra_path = ["extra", "../../build/pictures"]

myst_heading_anchors = 4
default_role = "code"
autodoc_member_order = "bysource"

# What an accessibility checker (axe) finds missing in pages that Sphinx and the theme make.
ADDITIONS = (
    (re.compile(r'role="heading"(?! aria-level)'), 'role="heading" aria-level="2"'),
    (re.compile("<pre>"), '<pre tabindex="0">'),  # it may be wider than the screen: keys scroll it
    (re.compile('<aside class="sidebar-drawer">'), '<aside class="sidebar-drawer" aria-label="All pages">'),
    (re.compile('<aside class="toc-drawer'), '<aside aria-label="This page" class="toc-drawer'),
)


def setup(app: Sphinx) -> None:
    """Finish the pages when the theme has."""
    app.connect("build-finished", _finish)


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None:
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "sidebar-drawer" in text:  # pictures have no sidebar
            for pattern, replacement in ADDITIONS:
                text = pattern.sub(replacement, text)
            page.write_text(text, encoding="utf-8")

"""How Sphinx makes the site: pages stay where they are in the repository, so their links work in both."""

from importlib.metadata import version as version_of

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

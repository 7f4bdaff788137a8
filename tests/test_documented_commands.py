"""Every command that a page shows is one that can be given."""

import pytest
import typer

from documented import PAGES, ROOT, commands
from quorate.cli.app import app as quorate
from quorate_check.cli.app import app as model_check

APPS = {"quorate": quorate, "model-check": model_check}
SHOWN = [(page, words) for page in PAGES for words in commands(page) if words[0] in APPS]


@pytest.mark.parametrize(
    ("page", "words"), SHOWN, ids=[f"{page.relative_to(ROOT)}: {' '.join(words)[:60]}" for page, words in SHOWN]
)
def test_a_documented_command_is_understood(page: object, words: list[str]) -> None:  # noqa: ARG001 - in the name
    """Its options exist, and their values are of the right kind; what it then does is for its own tests."""
    group = typer.main.get_command(APPS[words[0]])
    assert isinstance(group, typer.core.TyperGroup)
    if len(words) == 2 and words[1].startswith("--"):
        return  # asked of the program as a whole
    context = group.make_context(words[0], ["--", *words[1:]])
    name, command, rest = group.resolve_command(context, words[1:])
    assert name is not None
    assert command is not None
    command.make_context(name, list(rest), parent=context)


def test_pages_show_commands() -> None:
    """The test above has something to judge."""
    assert len(SHOWN) > 30

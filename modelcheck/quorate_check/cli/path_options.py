"""The options of every command that may find a path: where it goes, and how it is shown."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from quorate_check.cli.options import JsonOption, SaveOption
from quorate_check.cli.output import Output, PathFiles

HtmlOption = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Draw the path of a violation as a page to step through."),
]
PytestOption = Annotated[
    str | None,
    typer.Option("--pytest", metavar="FILE", help="Write the path of a violation as a regression test."),
]
JunitOption = Annotated[
    str | None, typer.Option("--junit", metavar="FILE", help="Write a report for CI: a test case for each promise.")
]
SarifOption = Annotated[
    str | None, typer.Option("--sarif", metavar="FILE", help="Write violations for code hosts, located in the code.")
]
DetailOption = Annotated[bool, typer.Option("--detail", help="Describe each step of a path in words, too.")]

OPTIONS: dict[str, tuple[Any, Any]] = {
    "json": (JsonOption, None),
    "save": (SaveOption, None),
    "html": (HtmlOption, None),
    "pytest": (PytestOption, None),
    "junit": (JunitOption, None),
    "sarif": (SarifOption, None),
    "detail": (DetailOption, False),
}


def path_output(*omissions: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command these options, but for the `omissions`, in place of its parameter `output`, made from them."""
    options = {name: option for name, option in OPTIONS.items() if name not in omissions}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def with_output(*bounds: Any, **arguments: Any) -> int:  # noqa: ANN401 - whatever typer parsed
            values = {name: arguments.pop(name) for name in options}
            files = PathFiles(
                values.get("save"), values.get("html"), values.get("pytest"), detail=values.get("detail", False)
            )
            output = Output.to(values.get("json"), files, values.get("junit"), values.get("sarif"))
            status = command(*bounds, output=output, **arguments)
            output.write_sarif()
            output.report_unwritten()
            return status

        signature = inspect.signature(command, eval_str=True)
        own_parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in options.items()
        ]
        other_parameters = [p for p in signature.parameters.values() if p.name != "output"]
        with_output.__signature__ = signature.replace(parameters=[*other_parameters, *own_parameters])  # type: ignore[attr-defined]
        with_output.__annotations__ = {}
        return with_output

    return decorate

"""The view of `quorate demo`: a live table on a terminal, elsewhere a line for each change."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from quorate.cli.table import Row, cells, role_of, table


class View(Protocol):
    """Shows the current state of nodes."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was shown last."""
        ...

    def show(self, rows: list[Row]) -> None:
        """Show how the nodes are now."""
        ...


class LiveTable:
    """A table that is updated in place."""

    def __init__(self, screen: Console) -> None:
        """Show nothing yet."""
        self._live = Live(console=screen, auto_refresh=False)

    def __enter__(self) -> Self:
        """Begin."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was shown last."""
        self._live.stop()

    def show(self, rows: list[Row]) -> None:
        """Show how the nodes are now."""
        self._live.update(table(rows), refresh=True)


class Lines:
    """Prints a line whenever a node's role, term or leader has changed, or the node has fallen silent.

    Under BFT leaders take turns, so a line is printed when the view has changed.
    """

    def __init__(self, screen: Console) -> None:
        """Show nothing yet."""
        self._screen = screen
        self._last_states: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was shown last."""

    def show(self, rows: list[Row]) -> None:
        """Print the changes."""
        for row in rows:
            state, rest = _summary(row)
            if self._last_states.get(row.name) != state:
                self._last_states[row.name] = state
                self._screen.print(f"node {row.name}: {state}{rest}")


def _summary(row: Row) -> tuple[str, str]:
    """Return the state, whose change is worth a line, and the rest of that line."""
    if isinstance(row.info, str):
        return row.info, ""
    values = cells(row.info)
    if "bft_node_id" in row.info:
        return f"in view {values['term']}", f", {role_of(row.info)}, committed {values['commit']}"
    state = f"{role_of(row.info)} in term {values['term']}, leader {values['leader']}"
    return state, f", committed {values['commit']}"


def view_on(screen: Console) -> View:
    """Return a live table if `screen` is a terminal, otherwise lines."""
    return LiveTable(screen) if screen.is_terminal else Lines(screen)

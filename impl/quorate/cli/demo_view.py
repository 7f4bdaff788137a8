"""What `quorate demo` shows: on a terminal one table that changes, elsewhere a line for each change."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from quorate.cli.table import Row, cells, role_of, table


class View(Protocol):
    """Shows nodes, again and again."""

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
    """One table that changes in its place."""

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
    """A line whenever a node's role, term or leader has changed, or it has fallen silent."""

    def __init__(self, screen: Console) -> None:
        """Show nothing yet."""
        self._screen = screen
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was shown last."""

    def show(self, rows: list[Row]) -> None:
        """Show what is new."""
        for row in rows:
            state, rest = _told(row)
            if self._shown.get(row.name) != state:
                self._shown[row.name] = state
                self._screen.print(f"node {row.name}: {state}{rest}")


def _told(row: Row) -> tuple[str, str]:
    """Return what is worth a line when it changes, and what isn't."""
    if isinstance(row.found, str):
        return row.found, ""
    shown = cells(row.found)
    state = f"{role_of(row.found)} in term {shown['term']}, leader {shown['leader']}"
    return state, f", committed {shown['commit']}"


def view_on(screen: Console) -> View:
    """Return what suits where it is seen."""
    return LiveTable(screen) if screen.is_terminal else Lines(screen)

"""Names of systems: `module:attribute`, by which a saved path finds its system in another process."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from quorate_check.core.system import System, UnusableSystemError
from quorate_check.core.unusable import text_of


def named_system(name: str) -> System:
    """Return the system called `module:attribute`, or what a function of that name returns.

    The module is imported from the current folder or from Python's path. Raises UnusableSystemError, with what to
    change, if there is no such module or attribute, if importing or calling it fails, or if it is no System.
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise UnusableSystemError(f"{name}: name a system as module:attribute, as in two_phase_commit:system")
    if module.endswith(".py"):
        raise UnusableSystemError(f"{name}: name the module, not its file: {module.removesuffix('.py')}:{attribute}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.invalidate_caches()
        value = getattr(importlib.import_module(module), attribute)
        system = value if isinstance(value, System) or not callable(value) else value()
    except (UnusableSystemError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise UnusableSystemError(f"{name}: {text_of(error)}") from error
        raise UnusableSystemError(
            f"{name}: there is no module {module} in {Path.cwd()} or on Python's path; run this in its folder"
        ) from error
    except BaseException as error:  # a user's module may also exit, or skip itself as a test
        raise UnusableSystemError(f"{name}: {text_of(error)}") from error
    if not isinstance(system, System):
        what = "it is" if system is value else "it returns"
        raise UnusableSystemError(f"{name}: {what} {type(system).__name__}, not a System")
    return system.as_checked()


def name_of_system(system: System) -> str | None:
    """Return a name by which `system` can be found, None if no module holds it."""
    for name, module in sorted(sys.modules.items()):
        if name == "__main__":
            continue
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is system:
                return f"{name}:{attribute}"
    return None

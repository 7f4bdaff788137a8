"""The steps that a page of a path draws, read from the page."""

import json
from pathlib import Path
from typing import Any


def steps_of(page: Path) -> list[dict[str, Any]]:
    """Return the steps that a page draws."""
    _, _, rest = page.read_text(encoding="utf-8").partition('<script type="application/json" id="story">')
    steps: list[dict[str, Any]] = json.loads(rest.partition("</script>")[0])["steps"]
    return steps

"""Makes docs/explorer.png: the explorer at (c) of Figure 8. Run it with Python from a checkout with Chromium."""

from browser import open_tab
from explored import ROOT, UP_TO_C, explored, walk

PICTURE = ROOT / "docs" / "explorer.png"


def main() -> None:
    """Walk there, and write the picture."""
    with explored("raft") as address, open_tab(1280, 1000) as tab:
        tab.page.goto(address)
        walk(tab.page, UP_TO_C)
        tab.page.evaluate("scrollTo(0, 0)")
        tab.page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()

"""Draws the pages of gallery.md by the commands that it shows.

python docs/site/pictures.py FOLDER
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parent
ROW = re.compile(r'^\| <a href="\.\./\.\./(\S+)">.* \| `model-check (.+)` \|$', re.MULTILINE)
MODEL_CHECK = Path(sys.executable).with_name("model-check")
VERDICTS = {0, 1}  # it holds, it is violated


def main() -> None:
    """Run each command of the gallery, with its page in the folder."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows = ROW.findall((SITE / "gallery.md").read_text(encoding="utf-8"))
    for page, arguments in rows:
        words = [str(folder / page) if word == page else word for word in shlex.split(arguments)]
        done = subprocess.run([MODEL_CHECK, *words], cwd=SITE, capture_output=True, text=True, check=False)
        if done.returncode not in VERDICTS or not (folder / page).is_file():
            sys.exit(f"model-check {arguments}:\n{done.stdout}{done.stderr}")
        sys.stdout.write(f"drawn: {page}\n")


if __name__ == "__main__":
    main()

"""`python -m quorate.cli`: the command, wherever its script is."""

import sys

from quorate.cli.app import main

sys.exit(main())

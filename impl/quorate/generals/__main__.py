"""`python -m quorate.generals`: one general, started by `quorate generals`."""

import sys

from quorate.generals.process import main

sys.exit(main())

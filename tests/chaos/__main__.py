"""`python -m tests.chaos [KILLS]`; see `campaign`."""

import sys

from tests.chaos.campaign import main

sys.exit(main(sys.argv[1:]))

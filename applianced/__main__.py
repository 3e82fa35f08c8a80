"""`python -m applianced`."""

import sys

from applianced.main import main

sys.exit(main())

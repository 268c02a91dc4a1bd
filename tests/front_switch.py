"""Whether the tests reach the service through a cluster's front, where they can, or at a plain server."""

from __future__ import annotations

import os

SWITCH = "LIPWIRE_TEST_FRONT"
THROUGH_FRONT = os.environ.get(SWITCH) == "1"

"""Lets the tests of this folder import what starts boxes and gateways, from the folder above."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

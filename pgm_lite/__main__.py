"""``python -m pgm_lite``."""

from pgm_lite.cli import main

main()

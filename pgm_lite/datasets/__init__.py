"""The data sets: shidoku, faces, austen and text8."""
from pgm_lite.datasets.austen import austen
from pgm_lite.datasets.shidoku import shidoku

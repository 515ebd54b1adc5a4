"""A coarse hand-drawn mesh and a sentence in, a realistic textured mesh out. Read `pipeline.py` first."""

__version__ = "0.1.0"

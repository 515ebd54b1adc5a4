"""How good a prior is on objects it has never seen: `python -m benchmarks.prior`."""

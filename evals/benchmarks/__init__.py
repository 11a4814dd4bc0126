"""The benchmarks: `python -m evals.benchmarks` prints their tables. They measure and judge nothing but figures."""

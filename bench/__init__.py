"""Benchmarks: how fast and how large Chimera is on this machine, beside peers where installed.

`python -m bench` (`make bench`) runs all of them and prints one table; `--quick` takes less of each and
leaves the demo stack out. Each module here measures one thing; `registry` lists them.
"""

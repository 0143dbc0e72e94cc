"""The whole platform on this machine, for a look at it: what `make demo` runs."""

"""S9: experiments. So far the simulated desk: all cores and the venue in one process.

Documents: experiments.
"""

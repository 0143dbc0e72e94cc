"""S9: experiments. So far the simulated desk (all cores and the venue in one process) and the replay.

Owns no document; the replay reads those of the cores.
"""

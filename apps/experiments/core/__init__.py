"""The simulated desk: all live cores and the venue in one process, under a virtual clock."""

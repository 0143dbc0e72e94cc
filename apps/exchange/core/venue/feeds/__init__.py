"""Where the venue's market comes from: each feed yields `(ts, action)` pairs in order of time."""

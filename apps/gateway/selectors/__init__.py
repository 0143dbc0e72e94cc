"""What the console reads: typed documents, lists, the overview's snapshot, and traces."""

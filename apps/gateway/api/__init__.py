"""The REST door of the console: the overview's snapshot, lists, and traces."""

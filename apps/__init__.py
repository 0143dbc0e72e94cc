"""Chimera's services. Each is a Django app with the same rooms; see docs/architecture.md."""

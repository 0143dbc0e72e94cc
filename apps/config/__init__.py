"""S10: bundles. So far: check a bundle file, make it the active generation, announce it.

Streams out: cfg:events. Documents: config_bundles.
"""

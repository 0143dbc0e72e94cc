"""How factors come about: `factors` compute, `lane` keeps them in step with bars, `service` drives.

`replay` recomputes from the record what the service emitted.
"""

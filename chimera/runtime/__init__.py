"""How cores are driven. `contract` is what a core sees; `live` and `simulated` carry effects out."""

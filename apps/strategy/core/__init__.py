"""How a decision is made: `policy` compiles a bundle, `decide` applies it, `service` keeps the state."""

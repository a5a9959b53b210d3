"""A story machine: random walks of people who write while things go wrong around them."""

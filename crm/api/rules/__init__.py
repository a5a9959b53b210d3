"""REST for rules: those of the levels, and those of every other kind."""

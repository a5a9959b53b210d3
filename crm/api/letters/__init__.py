"""REST about letters: what customers agreed to, what became of letters, what was answered to them."""

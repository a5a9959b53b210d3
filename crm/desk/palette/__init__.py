"""The palette: anything by a few letters, from anywhere, without a hand on the mouse."""

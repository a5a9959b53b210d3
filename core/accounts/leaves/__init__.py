"""Being away: who asks for it, and who stands in meanwhile."""

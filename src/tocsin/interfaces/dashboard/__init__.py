"""The page: what a person without a terminal sees and does. Drawn on the server; works without script, better with it."""

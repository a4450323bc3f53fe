"""Board definitions: what boards/<name>/board.toml may say, checked, and what of it goes on the board."""

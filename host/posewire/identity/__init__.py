"""Who somebody is and what they may do. Knows tokens and the store, nothing of connections."""

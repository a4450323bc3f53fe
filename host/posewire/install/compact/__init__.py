"""Makes programs smaller for boards with little memory: modules put into one, short names, and back to the source."""

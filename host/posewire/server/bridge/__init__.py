"""The bridge: boards of this host talk to an upstream stock xiaozhi server, which takes only Opus."""

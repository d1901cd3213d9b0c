"""The server: from a call that arrived to its answer, and the processes that do it."""

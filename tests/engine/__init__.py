"""The engine as a whole, with real processes: what clients, operators and bad luck do to it."""

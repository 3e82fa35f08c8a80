"""Frozen values that every part speaks: endpoints, tuples, sessions, gates."""

"""Whole-house tests with real browsers and real audio."""

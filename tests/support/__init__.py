"""Browsers, houses and ears that many tests use."""

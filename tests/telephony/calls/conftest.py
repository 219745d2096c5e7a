"""The house of real processes, as the fault tests have it."""

from tests.faults.conftest import house, running_house, speech_cache

__all__ = ["house", "running_house", "speech_cache"]

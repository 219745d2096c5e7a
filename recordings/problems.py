"""What can go wrong with a recording, in words an agent or an administrator understands."""

from __future__ import annotations

import errno


class RecordingProblem(Exception):
    """A recording could not be brought home this time. The message is shown to people.

    `gone` is set when trying again cannot help: the carrier has no such recording any more.
    """

    def __init__(self, text: str, *, gone: bool = False) -> None:
        super().__init__(text)
        self.gone = gone


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def storage_problem(error: OSError) -> RecordingProblem:
    """Say what the store's refusal means and what to do about it."""
    if error.errno in NO_ROOM:
        return RecordingProblem(
            "There is no room left where recordings are kept. Free some space or point RECORDINGS_URL elsewhere; "
            "the carrier's copy is safe and will be fetched again."
        )
    return RecordingProblem(
        f"The place where recordings are kept refused the file ({error.strerror or type(error).__name__}). "
        "Check RECORDINGS_URL and its permissions; the carrier's copy is safe and will be fetched again."
    )

"""The one error of this package, so that callers need one except clause."""


class SpeechError(Exception):
    """Speech could not be made or heard. The message is a plain sentence that says what to do next."""

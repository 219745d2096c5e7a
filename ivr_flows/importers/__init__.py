"""Flows of other systems as flow files of ours, with everything that has no counterpart told in words."""

from __future__ import annotations

import json
from typing import Any

from ivr_flows.importers.connect import import_connect, is_connect
from ivr_flows.importers.draft import Imported, ImportFailed, Note, Options
from ivr_flows.importers.studio import import_studio, is_studio

MAX_BYTES = 10_000_000


def import_flow(text: str, options: Options | None = None) -> Imported:
    """Read an export of Twilio Studio or Amazon Connect, whichever it is. ImportFailed when it is neither.

    The flow passes the check as far as the original does; every step of the original is in `nodes` or in `notes`.
    """
    data = _read(text)
    if is_studio(data):
        return import_studio(data, options)
    if is_connect(data):
        return import_connect(data, options)
    raise ImportFailed("this is neither a Twilio Studio flow (states) nor an Amazon Connect flow (Actions)")


def _read(text: str) -> Any:
    if len(text) > MAX_BYTES:
        raise ImportFailed(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ImportFailed(f"this is no JSON: {error}") from error
    except RecursionError as error:
        raise ImportFailed("the file is nested too deep") from error


__all__ = ["ImportFailed", "Imported", "Note", "Options", "import_flow"]

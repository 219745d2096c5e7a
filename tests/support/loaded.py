"""Loads the house's code: what every program of it would load by itself."""

import gc
import importlib
import pkgutil
from types import ModuleType

import app
import digital_channels
import ivr_flows
import recordings
import telephony
from app.guarded_http import usual_trust

ELSEWHERE = {"app.migrations", "telephony.local_carrier", "telephony.speech"}


def load(package: ModuleType) -> None:
    """Import a package's modules, except those that are programs of their own."""
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name not in ELSEWHERE and not module.name.endswith("__main__"):
            loaded = importlib.import_module(module.name)
            if module.ispkg:
                load(loaded)


for room in (app, ivr_flows, telephony, digital_channels, recordings):
    load(room)
usual_trust()
gc.collect()
gc.freeze()  # what is loaded stays: a program that looked at it in its search for garbage would copy it

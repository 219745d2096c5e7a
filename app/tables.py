"""Every module with tables, imported in one place so that migrations and tests see them all."""

import app.accounts.models
import app.callbacks.models
import app.customers.models
import app.events
import app.flows.models
import app.follow_ups.models
import app.interactions.models
import app.leases
import app.routing.in_hand
import app.routing.models
import app.supervisor.models
import recordings.models
import telephony.models
from app.db import Base

metadata = Base.metadata

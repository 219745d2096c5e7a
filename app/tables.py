"""Every module with tables, imported in one place so that migrations and tests see them all."""

from app.db import Base

metadata = Base.metadata

__all__ = ["metadata"]

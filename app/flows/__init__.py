"""Flows as admins and engineers work on them."""

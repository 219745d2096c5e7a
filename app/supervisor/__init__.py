"""What supervisors see and do: the live floor, its alerts, the wallboard, why somebody rang."""

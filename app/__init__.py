"""The contact centre: records and decisions. Knows no carrier and no channel."""

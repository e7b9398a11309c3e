"""The JSON interface below /api/v1: parse, call a query or an action, answer."""

"""The command line: parse, open a transaction, call a query or an action, print."""

"""How Keepstep is stored: engine, embedded server, the only commit, tables, guards and schema revisions."""

"""What a user can do: one function per act, each writing its audit event in the same transaction."""

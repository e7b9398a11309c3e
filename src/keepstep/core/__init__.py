"""What a wizard, an answer and a change are: pure values and functions, without I/O, clock or randomness."""

"""How long a test waits at most: a wait that would never end fails instead, and says where."""

PATIENCE_S = 60.0  # for what a server, a thread or a task does within a second on an idle machine
PROGRAM_S = 600.0  # for a program to end by itself; the longest takes a tenth of it on an idle machine

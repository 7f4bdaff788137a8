"""The ladder from Raft to a protocol that one traitor can't break, a rule at a time."""

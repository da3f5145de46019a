"""The same networks in other libraries, each in a process of its own (see race.py)."""

"""A random user's workload under fire: what kill.py and foreign_writes.py are made of."""

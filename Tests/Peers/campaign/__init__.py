"""A random user's workload under fire: what kill.py and foreign_writes.py are made of."""


def percentile(values, part):
    """The smallest value that at least `part` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

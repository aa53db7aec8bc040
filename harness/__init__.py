"""evenmatch: which framework is faster for this work, on this machine, and how sure are we?"""

__version__ = "0.1.0"

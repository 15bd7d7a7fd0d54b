"""The convergence lab: do smaller neural nets always converge faster than larger ones?"""

__version__ = "0.1.0"

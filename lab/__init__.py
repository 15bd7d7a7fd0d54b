"""The convergence lab: do smaller neural nets always converge faster than larger ones?"""

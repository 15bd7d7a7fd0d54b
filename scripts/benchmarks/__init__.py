"""How fast the lab trains many members, next to the ways that a user has without it.

`preparation` writes one workload's work to a folder: weights, data, batches. Each engine takes it
from there in a process of its own (`worker`), so that none pays for what another left behind, and
one that never comes to an end is stopped (`cells`).
"""

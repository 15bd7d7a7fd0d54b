"""The validation programme of the lab's statistics: STATISTICS, section 5, cell by cell."""

"""The records: append-only facts of a study on disk, where the two towers meet."""

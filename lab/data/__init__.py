"""From a TFDS name to arrays: see `lab.data.loading`."""

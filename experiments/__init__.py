"""One file per question: flags to a study, a study to records, records to a report."""

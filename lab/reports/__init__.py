"""Reports: the records and the verdict as text, tables, pictures and a page. No JAX."""

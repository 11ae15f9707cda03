"""The SQL of the first migration, in parts: tables, partitions, views, roles."""

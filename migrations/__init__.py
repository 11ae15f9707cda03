"""How the schema changed: Alembic, run by `fairdrift migrate` (see `streams/schema.py`)."""

"""What ``docs/migrate.md`` says, seen by doing the same with each of uvicorn's own implementations and with safews."""

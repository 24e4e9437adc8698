"""Long work: a queue in the database, a warm process that does it, and progress that browsers can follow."""

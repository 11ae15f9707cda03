"""What must hold for a user, seen from outside: whole logs in, stored sums and pages out."""

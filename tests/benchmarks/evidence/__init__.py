"""Whether a page is right, and how soon it comes: our evidence and other people's rules on the same simulated traffic."""

"""`python -m streams.cli`: the command line where the script is not installed."""

from streams.cli import main

main()

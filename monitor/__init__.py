"""What we measure: events, cells, panes, windows, metrics and intervals. A pure core that does no I/O, and its tables."""

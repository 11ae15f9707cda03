"""Pictures of series: with characters for terminals, as SVG for pages. Pure: numbers in, text out."""

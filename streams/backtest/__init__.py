"""`fairdrift backtest`: what a set of rules would have said of a stored history, or of a file, had it been in force.

history (stored.py, or events.py from a file) -> families of the rules (families.py), injected with a shift or not
(injecting.py) -> folded pane by pane (running.py) -> results.py -> the terminal (printing.py), HTML (page.py), JSON
"""

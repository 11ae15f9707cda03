"""The demo: one story, told on real clients, with a real worker, in simulated time (`fairdrift demo`).

Pure parts: `clients` (who applies), `scoring` (the model), `policy` (the versions), `traffic` (when they apply), `timeline`
(simulated time), `bank` (decides, and writes the events), `director` (plays the story in a `World`), `story` (what must happen,
and the account of it), `picture` and `screen` (what the terminal shows).
Shell: `publisher`, `router`, `receiver`, `fairness` (reads fairdrift's views), `processes`, `world` (the real one), `run`.
"""

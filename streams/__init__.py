"""How it moves: the Faust application, the transport, the stores, the evaluator's loop, the web and the command line."""

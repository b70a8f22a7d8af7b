"""The command line: one file a verb, the composition root, and the exit codes of the contract.

What belongs here: words and options, what is printed where, and putting the parts together. What does not: any
decision about a Secret. Nothing but argparse is imported before a verb is chosen, so that `--help` is instant.
"""

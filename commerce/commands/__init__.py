"""Commands: what whoever runs this can type.

Owns      the words of the command line, how facts and refusals look on a terminal, exit codes.
Does not  decide anything: each command reads its words, calls one function, and shows what it answers.
Promises  `--help` is complete and quick; a refusal is one line and a hint, never a traceback; 2 means refused.
Tells     nothing.
"""

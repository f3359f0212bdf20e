"""Embedded: a database, a queue, a sandbox for payments and our own programs, started and kept alive by one supervisor.

Owns      the data folder, its lock, the server processes in it, their sockets, logs and restarts.
Does not  know what is stored, sold or served; it only knows commands, addresses and whether they answer.
Promises  data survives any kill; what it started stops with it; two supervisors never share a folder.
Tells     nothing; the state of a running stack is in `stack.json` of its data folder.
"""

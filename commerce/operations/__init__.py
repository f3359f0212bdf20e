"""Operations: what whoever runs this needs over HTTP.

Owns      health, metrics, request ids and the access log, keys, the dead shelf, the laws' findings, documentation.
Does not  sell anything, or know more of a domain than its public reads and its laws.
Promises  a probe never waits long; a secret is shown once; what the documentation page needs is on this machine.
Tells     nothing.
"""

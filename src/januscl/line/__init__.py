"""The assembly line: the one place where the stations are joined.

Owns: the order of the loop and its state in the catalogue. May call: every station, `store` and
`compute`. Moves robots only through the `Fleet` it is handed.
"""

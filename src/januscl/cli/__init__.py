"""The `janus` command.

Owns: arguments, printing and exit codes. May call: everything. The demo moves simulated robots.
"""

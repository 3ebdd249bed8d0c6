"""The service: API, access and console.

Owns: the HTTP doors. May call: `januscl.line` and below. Moves nothing by itself.
"""

"""Notices: what happened, told to other systems by webhooks and e-mail.

Owns: which rows of the audit log are told and how, the targets' settings, signatures, which
addresses a webhook may have, and what waits to be sent. May call: `core`, `store`, `triage`, and
the workflows' database. Opens connections to the targets and to nothing else; moves nothing.
`sender` and `reading` are imported by name, for what they need takes seconds to import.
"""

from januscl.line.telling.notify.notice import TYPES, Notice, hello
from januscl.line.telling.notify.reply import Reply
from januscl.line.telling.notify.targets import Mailbox, Target, Webhook, send

__all__ = ["TYPES", "Mailbox", "Notice", "Reply", "Target", "Webhook", "hello", "send"]

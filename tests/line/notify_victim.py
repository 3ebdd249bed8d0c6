"""Sends notices until it is killed: run by tests, in a process of its own."""

import json
import sys
import threading

from januscl.line.durable.engine import engine_of
from januscl.line.telling.notify import Webhook
from januscl.line.telling.notify.sender import Sender
from januscl.store import Workspace

folder, targets = sys.argv[1], json.loads(sys.argv[2])
with Workspace.open(f"{folder}/w") as workspace:
    engine = engine_of(f"{folder}/workflows.db")
    hooks = [Webhook(**one) for one in targets]
    sender = Sender(workspace.catalogue, engine, hooks, pause=0.02, lasts=0.5, first=0.02)
    print("begins", flush=True)
    sender.run(threading.Event())

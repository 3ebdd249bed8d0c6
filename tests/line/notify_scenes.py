"""Real servers for notices: they listen on this machine, and answer as they are told."""

import datetime as dt
import socketserver
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SECRET = "whsec_" + "a" * 32
OTHER = "whsec_" + "b" * 32


class Hook(ThreadingHTTPServer):
    """Takes posts; `answers` says how, a status and headers each, then 204 for ever."""

    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), _Post)
        self.answers, self.got, self.slow = [], [], 0.0
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        pass  # a client that left

    @property
    def port(self):
        return self.server_address[1]

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.got]


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:
            answer = self.server.answers.pop(0) if self.server.answers else (204, {})
        if callable(answer):
            answer(self)
            return
        status, headers = answer
        if status < 300:
            self.server.got.append((dict(self.headers), body))
        time.sleep(self.server.slow)
        self.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *given):
        pass


class Post(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client needs; `refuse` maps a command to the answer it gets."""

    daemon_threads, allow_reuse_address = True, True

    def __init__(self, tls=None, login=None):
        super().__init__(("127.0.0.1", 0), _Mail)
        self.tls, self.login, self.refuse, self.got = tls, login, {}, []

    def handle_error(self, request, client_address):
        pass  # a client that left

    @property
    def port(self):
        return self.server_address[1]


class _Mail(socketserver.StreamRequestHandler):
    def say(self, *lines):
        self.wfile.write(b"".join(line.encode() + b"\r\n" for line in lines))

    def handle(self):
        secure, to = False, []
        self.say("220 here")
        while line := self.rfile.readline():
            words = line.decode().strip()
            verb = words.split(" ")[0].upper()
            refused = next(
                (a for w, a in self.server.refuse.items() if words.upper().startswith(w)), None
            )
            if refused is not None:
                for part in [refused] if isinstance(refused, str) else refused:
                    self.say(part)
            elif verb == "EHLO":
                offers = [] if secure or self.server.tls is None else ["STARTTLS"]
                offers += ["AUTH PLAIN"] if self.server.login and secure else []
                listed = ["here", *offers]
                self.say(*(f"250-{one}" for one in listed[:-1]), f"250 {listed[-1]}")
            elif verb == "STARTTLS":
                self.say("220 go on")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                secure = True
            elif verb == "AUTH":
                self.say("235 yes" if words.split(" ")[-1] == self.server.login else "535 no")
            elif verb == "RCPT":
                to.append(words.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                data = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    data += part
                refused = self.server.refuse.get("the message")
                if refused is None:
                    self.server.got.append((to, data))
                self.say(refused or "250 ok")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder, name="localhost"):
    """Write a certificate of its own authority; return its file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names[: 1 if name != "localhost" else 2]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context

#!/usr/bin/env python3
"""Prints whole SCRAM-SHA-256 exchanges, made with hashlib and hmac from RFC 5802 alone, for
tests/golden/scram_exchanges.txt.

Each exchange is a block of "name value" lines: the line of the user's file, what the client sends, the server's part of
the nonce, what the server answers. Nothing here is random, so that the file stays the same.
"""
import base64
import hashlib
import hmac

# Name, password, salt, iterations, GS2 header, client nonce, server nonce, extensions of both messages.
EXCHANGES = [
    ("user", "pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096, "n,,", "rOprNGfwEbeRWgbNEkqO",
     "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "", ""),
    ("meter-7", "correct horse battery staple", bytes(range(16)), 4096, "y,,", "a", "b", "", ""),
    ("a=b,c", "p", b"\xff" * 16, 5000, "n,a=a=3Db=2Cc,", "!\"#$%&'()*+-./:;<=>?@[]^_`{|}~", "0123456789abcdef", ",x=1",
     ",y=2,z==,Q=q"),
    ("m\u00fcller", "gehei\u00dfes Wort \u2713", b"salt", 10000, "n,,", "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
     "", ""),
    ("long", "x" * 500, bytes(range(64)), 4096, "n,,", "n" * 256, "s" * 32, "", ""),
]


def b64(data):
    return base64.b64encode(data).decode("ascii")


def digest(key, text):
    return hmac.new(key, text if isinstance(text, bytes) else text.encode("utf-8"), hashlib.sha256).digest()


def exchange(name, password, salt, iterations, gs2_header, client_nonce, server_nonce, first_extra, final_extra):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt, iterations)
    client_key = digest(salted, "Client Key")
    server_key = digest(salted, "Server Key")
    stored_key = hashlib.sha256(client_key).digest()
    encoded = name.replace("=", "=3D").replace(",", "=2C")
    bare = f"n={encoded},r={client_nonce}{first_extra}"
    challenge = f"r={client_nonce}{server_nonce},s={b64(salt)},i={iterations}"
    without_proof = f"c={b64(gs2_header.encode('utf-8'))},r={client_nonce}{server_nonce}{final_extra}"
    messages = f"{bare},{challenge},{without_proof}"
    proof = bytes(a ^ b for a, b in zip(client_key, digest(stored_key, messages)))
    return {
        "name": name,
        "user": f"{name}:SCRAM-SHA-256${iterations}:{b64(salt)}${b64(stored_key)}:{b64(server_key)}",
        "client-first": gs2_header + bare,
        "server-nonce": server_nonce,
        "server-first": challenge,
        "client-final": f"{without_proof},p={b64(proof)}",
        "server-final": f"v={b64(digest(server_key, messages))}",
    }


def main():
    print("# Made by tests/auth/scram_exchanges.py. The first one is the example of RFC 7677, 3.")
    for parameters in EXCHANGES:
        print()
        for name, value in exchange(*parameters).items():
            print(name, value)


if __name__ == "__main__":
    main()

"""Registration credentials as a business server makes them. Standard library only."""

import base64
import hashlib
import hmac
import json
import time

SECRET = "canary-secret-0123456789abcdef-canary"
ROTATED = "canary-second-0123456789abcdef-canary"


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mac(secret, text):
    return encoded(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def jwt(uid, secret=SECRET, kid=None, **claims):
    header = {"alg": "HS256", "typ": "JWT", **({"kid": kid} if kid else {})}
    claims = {"sub": uid, "aud": "/", "exp": int(time.time()) + 600, **claims}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{mac(secret, text)}"


def renamed(token, uid):
    """The same token with another `sub`, and the signature that it had."""
    header, claims, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return ".".join((header, encoded(json.dumps({**claims, "sub": uid}).encode()), signature))


def signed_uid(uid, secret=SECRET, app="/", ttl=600):
    text = f"{uid}~{int(time.time()) + ttl}"
    return f"{text}~{mac(secret, f'{app}~{text}')}"


def jwks(**secrets):
    keys = [{"kty": "oct", "kid": kid, "alg": "HS256", "k": encoded(secret.encode())} for kid, secret in secrets.items()]
    return json.dumps({"keys": keys})

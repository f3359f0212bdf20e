"""Signatures: Ed25519 (RFC 8032) over a book's hash, and over the key that a key introduces.

What is signed is text, so that no signature of one kind can stand for one of the other:

    commerce-price-book/1 LF <the SHA-256 of the book's canonical bytes, in lower-case hex>
    commerce-price-book-key/1 LF <the new key's id> LF <its 32 public bytes, in lower-case hex>
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pricing.books.errors import NotAKey

_BOOK = "commerce-price-book/1\n"
_KEY = "commerce-price-book-key/1\n"


_PUBLIC_BYTES = 32


def make_secret() -> bytes:
    """The 32 secret bytes of a new key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(secret: bytes) -> bytes:
    """The 32 public bytes of a key."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def public_in_hex(said: str) -> str:
    """A public key as it is always written, in lower case and nothing between. Raises NotAKey."""
    return _public(said).hex()


def sign_book(secret: bytes, sha256: str) -> bytes:
    """A signature for the book of this hash."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign((_BOOK + sha256).encode())


def sign_key(secret: bytes, key: str, public: bytes) -> bytes:
    """A signature with which a key introduces another one."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(_introduction(key, public))


def is_signed_book(public: str, sha256: str, signature: bytes) -> bool:
    """Whether the key (its public bytes in hex) signed the book of this hash. Raises NotAKey."""
    return _is_signed(public, (_BOOK + sha256).encode(), signature)


def is_introduced(by: str, key: str, public: str, introduction: bytes) -> bool:
    """Whether one key (its public bytes in hex) introduced the other. Raises NotAKey, of either."""
    return _is_signed(by, _introduction(key, _public(public)), introduction)


def _introduction(key: str, public: bytes) -> bytes:
    return f"{_KEY}{key}\n{public.hex()}".encode()


def _is_signed(public: str, said: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_public(public)).verify(signature, said)
    except InvalidSignature:
        return False
    return True


def _public(said: str) -> bytes:
    try:
        public = bytes.fromhex(said)
    except ValueError:
        public = b""
    if len(public) != _PUBLIC_BYTES:
        raise NotAKey(said[:100])
    return public

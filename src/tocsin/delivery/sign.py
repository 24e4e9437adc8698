"""Who wrote a saved model: an Ed25519 signature over the exact bytes of its manifest.

The manifest holds the digests of the state and of the arrays, so its signature covers every byte that a model is built from. It lies
beside them as one more member, ``signature.json``:

    {"algorithm": "ed25519", "key": fingerprint, "public": base64, "signature": base64}

The public key in the file only tells who claims to have signed. A signature is believed when it fits a key that the caller named, never
because it fits the key that came with it: anyone can sign with a key of their own.

Source: Bernstein, Duif, Lange, Schwabe and Yang 2012, *High-speed high-security signatures*; RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from tocsin.core.errors import ArtifactError, MissingExtra, TocsinError
from tocsin.delivery.audit import MANIFEST, SIGNATURE, parse_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ALGORITHM = "ed25519"
_PARTS = {"algorithm", "key", "public", "signature"}
_LARGEST = 1 << 16  # bytes of a key file: a real one has a few hundred
_RAW = 32


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with. ``raw`` (32 bytes), ``fingerprint`` (SHA-256 of them in hex), ``pem`` (the usual text form).

    >>> key = SigningKey.generate()
    >>> PublicKey.read(key.public.pem.encode()) == key.public
    True
    """

    raw: bytes

    @classmethod
    def read(cls, source: PublicKey | str | Path | bytes) -> PublicKey:
        """From a PEM file, from PEM bytes or from the 32 raw bytes. Raises ArtifactError TOC-443 for anything else."""
        if isinstance(source, PublicKey):
            return source
        if not isinstance(source, (str, os.PathLike, bytes)):
            raise _unusable("it is neither a path nor bytes", repr(source))
        content = source if isinstance(source, bytes) else _content(Path(source))
        if len(content) == _RAW:
            return cls(content)
        module = _ed25519()
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(content)
        except Exception as error:  # the package raises many kinds for text that is no key
            private = " (it is a private key: pass the public one)" if b"PRIVATE KEY" in content else ""
            raise _unusable(f"it is not a public key in PEM form{private}", f"{type(error).__name__}: {error}") from error
        if not isinstance(key, module.Ed25519PublicKey):
            raise _unusable("it is not an Ed25519 key", type(key).__name__)
        return cls(key.public_bytes_raw())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw key, 64 hex digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def pem(self) -> str:
        """The key as text, as OpenSSL writes it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = _ed25519().Ed25519PublicKey.from_public_bytes(self.raw)
        return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    def fits(self, signature: bytes, content: bytes) -> bool:
        """Whether the owner of this key signed these bytes."""
        module = _ed25519()
        from cryptography.exceptions import InvalidSignature

        try:
            module.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, content)
        except (InvalidSignature, ValueError):  # ValueError: no point of the curve
            return False
        return True


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key. Keep its file to yourself: whoever has it can sign in your name.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> SigningKey.load_or_create(folder).fingerprint == SigningKey.load_or_create(folder).fingerprint
    True
    """

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key, kept nowhere. Raises MissingExtra TOC-501 without the package cryptography."""
        return cls(_ed25519().Ed25519PrivateKey.generate())

    @classmethod
    def load_or_create(cls, folder: str | Path) -> SigningKey:
        """The key of a data folder, ``folder/keys/signing.key``, made on first use; its public half lies beside it, ``signing.pub``.

        The file is readable by its owner alone; of several processes that come first together, one makes it and all get the same.
        Raises ArtifactError TOC-443 when it cannot be made or read.
        """
        place = Path(folder) / "keys" / "signing.key"
        if not place.exists():
            try:
                _place_new(place, cls.generate())
            except OSError as error:
                raise _unusable("it cannot be made", f"{place}: {error.strerror or error}") from error
        return cls.read(place)

    @classmethod
    def read(cls, path: str | Path) -> SigningKey:
        """From a PEM file that only its owner may read. Raises ArtifactError TOC-443."""
        content = _content(Path(path), private=True)
        module = _ed25519()
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(content, password=None)
        except Exception as error:  # as above; the message never holds the key
            raise _unusable("it is not a private key in PEM form without a password", f"{path}: {type(error).__name__}") from error
        if not isinstance(key, module.Ed25519PrivateKey):
            raise _unusable("it is not an Ed25519 key", f"{path}: {type(key).__name__}")
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The half that others check with."""
        return PublicKey(self.private.public_key().public_bytes_raw())

    @property
    def fingerprint(self) -> str:
        """That of the public key."""
        return self.public.fingerprint

    def sign(self, manifest: bytes) -> bytes:
        """The content of ``signature.json`` for these manifest bytes."""
        public = self.public
        pages = {"algorithm": _ALGORITHM, "key": public.fingerprint, "public": base64.b64encode(public.raw).decode(),
                 "signature": base64.b64encode(self.private.sign(manifest)).decode()}
        return json.dumps(pages, indent=1).encode()

    def __repr__(self) -> str:
        return f"SigningKey({self.fingerprint[:16]}…)"


Trusted: TypeAlias = "PublicKey | SigningKey | str | Path | bytes | Sequence[PublicKey | SigningKey | str | Path | bytes]"


def trusted_keys(given: Trusted) -> list[PublicKey]:
    """The keys named by ``require_signature``, at least one. Raises ArtifactError TOC-443."""
    several: list[Any] = list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]
    keys = [part.public if isinstance(part, SigningKey) else PublicKey.read(part) for part in several]
    if not keys:
        raise _unusable("no key is named", "an empty list")
    return keys


def claimed_signer(content: bytes | None) -> str | None:
    """The fingerprint that a ``signature.json`` claims, unchecked; None for an unsigned model. Raises ArtifactError TOC-442."""
    return None if content is None else str(_parse(content)["key"])


def verify(manifest: bytes, content: bytes | None, trusted: Trusted) -> PublicKey:
    """The trusted key that signed ``manifest``; ``content`` is that of ``signature.json``, None when there is none.

    Raises ArtifactError TOC-440 (unsigned), TOC-441 (another key), TOC-442 (the signature does not fit), TOC-443 (an unusable key).

    >>> key = SigningKey.generate()
    >>> verify(b"{}", key.sign(b"{}"), key.public) == key.public
    True
    """
    keys = trusted_keys(trusted)
    if content is None:
        raise ArtifactError("TOC-440", "this model is not signed, and a signature is required", came=f"no {SIGNATURE}",
                            todo="get a signed model, or load it without require_signature if you trust where it came from")
    pages = _parse(content)
    for key in keys:
        if key.fingerprint == pages["key"]:
            if not key.fits(pages["signature"], manifest):
                raise _no_fit("it was made for another manifest, or one of the two was changed")
            return key
    raise ArtifactError("TOC-441", "this model is signed by a key that is not trusted", came=f"key {pages['key']}",
                        todo=f"trusted: {', '.join(key.fingerprint for key in keys)}; ask who signed it for the public key"[:400])


def _parse(content: bytes) -> dict[str, Any]:
    try:
        pages = parse_json(SIGNATURE, content)
        if not isinstance(pages, dict) or set(pages) != _PARTS or pages["algorithm"] != _ALGORITHM:
            raise ValueError("other parts than expected")
        public, signature = (_bytes(pages[name]) for name in ("public", "signature"))
        if PublicKey(public).fingerprint != pages["key"] or len(public) != _RAW:
            raise ValueError("its key and its fingerprint differ")
    except (TocsinError, ValueError, TypeError, binascii.Error) as error:
        raise _no_fit(f"{SIGNATURE} is not of the expected form: {error}"[:200]) from error
    return {**pages, "signature": signature}


def _bytes(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("bits that mean nothing")
    return content


def _content(path: Path, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST)
    except OSError as error:
        raise _unusable("it cannot be read", f"{path}: {error.strerror}") from error
    if private and os.name == "posix" and mode & 0o077:
        raise ArtifactError("TOC-443", "the private key may be read by others than its owner", came=f"{path}: mode {mode & 0o777:o}",
                            todo=f"chmod 600 {path}; if others could have read it, make a new key")
    return content


def _place_new(place: Path, key: SigningKey) -> None:
    """Both files, each whole or not there. Linking refuses to replace, so that the first of two makers wins."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _place(place, key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _place(place.with_suffix(".pub"), SigningKey.read(place).public.pem.encode(), 0o644)


def _place(place: Path, content: bytes, mode: int) -> None:
    fresh = place.with_name(f".{place.name}.{secrets.token_hex(6)}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, place)
    except FileExistsError:
        return  # another process was first; both read what it wrote
    finally:
        fresh.unlink(missing_ok=True)


def _no_fit(came: str) -> ArtifactError:
    return ArtifactError("TOC-442", f"the signature does not match {MANIFEST}", came=came,
                         todo="do not load it; get the file again from who signed it")


def _unusable(what: str, came: str) -> ArtifactError:
    return ArtifactError("TOC-443", f"a key cannot be used: {what}", came=came[:200],
                         todo="pass an Ed25519 key in PEM form, such as keys/signing.pub of a data folder")


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("TOC-501", "signatures need the package 'cryptography'", came=str(error),
                           todo="pip install 'tocsin[serve]'") from error
    return ed25519

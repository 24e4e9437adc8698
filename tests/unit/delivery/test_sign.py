"""Signatures: what is refused, and that every byte a model is built from is covered."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ArtifactError, MissingExtra
from tocsin.delivery import artifact
from tocsin.delivery.audit import ARRAYS, MANIFEST, MEMBERS, SIGNATURE, STATE, sha256
from tocsin.delivery.sign import PublicKey, SigningKey, claimed_signer, trusted_keys, verify
from tocsin.pipeline.pipeline import Pipeline

ROWS = np.random.default_rng(0).normal(size=(60, 2))
KEY, OTHER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(ROWS, detector="gaussian")


@pytest.fixture(params=["zip", "directory"])
def signed(request, tmp_path, model):
    return tocsin.save(model, tmp_path / ("m.tocsin" if request.param == "zip" else "m"), key=KEY)


def members(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in os.listdir(path)}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def put(path: Path, files: dict[str, bytes]) -> None:
    """The model at ``path`` then holds exactly these members."""
    if path.is_dir():
        for name in os.listdir(path):
            (path / name).unlink()
        for name, content in files.items():
            (path / name).write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)


def refused(path: Path, code: str, trusted: object = KEY.public) -> None:
    with pytest.raises(ArtifactError) as told:
        artifact.load(path, require_signature=trusted)
    assert told.value.code == code, told.value


# ---- loading ------------------------------------------------------------------------------------------------------------------------


def test_a_signed_model_loads_with_equal_scores(signed, model):
    again = tocsin.load(signed, require_signature=KEY.public)
    assert np.array_equal(again.anomaly_score(ROWS), model.anomaly_score(ROWS))
    assert set(members(signed)) == {*MEMBERS, SIGNATURE}


def test_a_signed_model_loads_without_asking(signed):
    assert tocsin.load(signed).facts_["detector"] == "gaussian"
    assert artifact.read_signer(signed) == KEY.fingerprint


def test_the_key_may_be_a_file_bytes_or_one_of_several(signed, tmp_path):
    place = tmp_path / "trusted.pub"
    place.write_text(KEY.public.pem)
    for trusted in (place, str(place), place.read_bytes(), KEY.public.raw, KEY, [OTHER.public, place], (KEY.public,)):
        assert artifact.load(signed, require_signature=trusted)


def test_an_unsigned_model_is_refused_when_a_signature_is_required(tmp_path, model):
    path = tocsin.save(model, tmp_path / "m.tocsin")
    assert artifact.read_signer(path) is None and set(members(path)) == set(MEMBERS)
    refused(path, "TOC-440")


def test_another_key_is_refused_and_both_are_named(signed):
    with pytest.raises(ArtifactError) as told:
        artifact.load(signed, require_signature=[OTHER.public])
    assert told.value.code == "TOC-441"
    assert KEY.fingerprint in told.value.came and OTHER.fingerprint in told.value.todo


def test_saving_again_without_a_key_leaves_no_old_signature(signed, model):
    tocsin.save(model, signed)
    refused(signed, "TOC-440")


def test_the_signature_is_looked_at_before_anything_else(signed):
    """A file by another key and with a broken state: the key is what is told."""
    put(signed, {**members(signed), STATE: b"{", MANIFEST: b"not even JSON"})
    refused(signed, "TOC-441", OTHER.public)
    refused(signed, "TOC-442")


def test_nothing_is_built_before_the_signature_is_right(signed, monkeypatch):
    monkeypatch.setattr(Pipeline, "from_state", lambda state: pytest.fail("it was built"))
    monkeypatch.setattr(artifact, "read_arrays", lambda content: pytest.fail("arrays were read"))
    monkeypatch.setattr(artifact, "parse", lambda content: pytest.fail("the manifest was parsed"))
    refused(signed, "TOC-441", OTHER.public)


# ---- every byte is covered --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [MANIFEST, STATE, ARRAYS])
def test_a_changed_member_is_refused(signed, name):
    """One bit, at the start, in the middle and at the end of each member."""
    whole = members(signed)
    for at in (0, len(whole[name]) // 2, len(whole[name]) - 1):
        changed = bytearray(whole[name])
        changed[at] ^= 1
        put(signed, {**whole, name: bytes(changed)})
        refused(signed, "TOC-442" if name == MANIFEST else "TOC-408")


@pytest.mark.parametrize("name", [STATE, ARRAYS])
def test_a_changed_member_with_right_digests_is_refused(signed, name, model):
    """Whoever rewrites the digests as well has rewritten the manifest, and that is what is signed."""
    whole = members(signed)
    other = members(tocsin.save(tocsin.fit(ROWS * 2, detector="gaussian"), signed.parent / "other.tocsin"))
    pages = json.loads(whole[MANIFEST])
    pages["files"][name] = {"size": len(other[name]), "sha256": sha256(other[name])}
    body = {key: part for key, part in pages.items() if key != "digest"}
    pages["digest"] = sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
    put(signed, {**whole, name: other[name], MANIFEST: json.dumps(pages, indent=1).encode()})
    assert artifact.load(signed)  # digests alone find nothing
    refused(signed, "TOC-442")


def test_spaces_in_the_manifest_count_too(signed):
    put(signed, {**members(signed), MANIFEST: members(signed)[MANIFEST] + b" "})
    assert artifact.load(signed)
    refused(signed, "TOC-442")


def test_every_changed_byte_of_the_signature_is_refused(signed):
    whole = members(signed)
    content = whole[SIGNATURE]
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1
        if json_equal(bytes(changed), content):  # a space became another one: the same signature
            continue
        with pytest.raises(ArtifactError) as told:
            verify(whole[MANIFEST], bytes(changed), KEY.public)
        assert told.value.code in ("TOC-441", "TOC-442")


def json_equal(a: bytes, b: bytes) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return False


def test_a_signature_of_another_model_is_refused(signed, model, tmp_path):
    other = tocsin.save(tocsin.fit(ROWS * 2, detector="gaussian"), tmp_path / "other.tocsin", key=KEY)
    put(signed, {**members(signed), SIGNATURE: members(other)[SIGNATURE]})
    refused(signed, "TOC-442")


def test_the_key_in_the_file_is_never_believed(signed):
    """A forger signs with a key of their own and puts it into the file."""
    whole = members(signed)
    put(signed, {**whole, SIGNATURE: OTHER.sign(whole[MANIFEST])})
    refused(signed, "TOC-441")
    lie = {**json.loads(OTHER.sign(whole[MANIFEST])), "key": KEY.fingerprint}  # the trusted name over the forger's key
    put(signed, {**whole, SIGNATURE: json.dumps(lie).encode()})
    refused(signed, "TOC-442")
    lie["public"] = base64.b64encode(KEY.public.raw).decode()  # and the trusted key over the forger's signature
    put(signed, {**whole, SIGNATURE: json.dumps(lie).encode()})
    refused(signed, "TOC-442")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"algorithm": "none"}', b"[" * 9_000,
                                     json.dumps({**json.loads(KEY.sign(b"")), "more": 1}).encode(),
                                     json.dumps({**json.loads(KEY.sign(b"")), "algorithm": "rsa"}).encode(),
                                     json.dumps({**json.loads(KEY.sign(b"")), "signature": 5}).encode(),
                                     json.dumps({**json.loads(KEY.sign(b"")), "signature": "ä"}).encode(),
                                     json.dumps({**json.loads(KEY.sign(b"")), "signature": "AAAA"}).encode(),
                                     json.dumps({**json.loads(KEY.sign(b"")), "key": [KEY.fingerprint]}).encode()],
                         ids=lambda content: str(len(content)))
def test_a_malformed_signature_is_refused(content):
    with pytest.raises(ArtifactError) as told:
        verify(b"", content, KEY.public)
    assert told.value.code == "TOC-442"


def test_a_huge_signature_is_refused_unread(signed):
    put(signed, {**members(signed), SIGNATURE: b" " * (1 << 20)})
    refused(signed, "TOC-407")


def test_no_other_member_is_let_in(signed):
    put(signed, {**members(signed), "signature.json.bak": b"{}"})
    refused(signed, "TOC-406")


# ---- one file of it ---------------------------------------------------------------------------------------------------------------------


def test_packing_gives_what_saving_writes(tmp_path, model):
    path = tmp_path / "packed.tocsin"
    path.write_bytes(artifact.pack(model, key=KEY))
    assert artifact.load(path, require_signature=KEY)


def test_repacking_equal_content_gives_equal_bytes(signed):
    content, pages = artifact.repack(signed)
    assert pages["model"]["detector"] == "gaussian"
    if signed.is_file():
        assert content == signed.read_bytes() == artifact.repack(signed, key=KEY)[0]


def test_repacking_signs_what_was_unsigned_or_trusted_and_nothing_else(tmp_path, model):
    unsigned = tocsin.save(model, tmp_path / "u.tocsin")
    theirs = tocsin.save(model, tmp_path / "t.tocsin", key=OTHER)
    for content in (artifact.repack(unsigned, key=KEY)[0], artifact.repack(theirs, key=KEY, trust=OTHER.public)[0]):
        (tmp_path / "r.tocsin").write_bytes(content)
        assert artifact.load(tmp_path / "r.tocsin", require_signature=KEY)
    for path, words, code in ((theirs, {"key": KEY}, "TOC-441"), (unsigned, {"key": KEY, "trust": OTHER.public}, "TOC-440"),
                              (theirs, {"trust": KEY.public}, "TOC-441")):
        with pytest.raises(ArtifactError) as told:
            artifact.repack(path, **words)
        assert told.value.code == code


# ---- keys -------------------------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_kept_private(tmp_path):
    first, second = (SigningKey.load_or_create(tmp_path / "place") for _ in range(2))
    place = tmp_path / "place" / "keys"
    assert first.public == second.public == PublicKey.read(place / "signing.pub")
    assert sorted(os.listdir(place)) == ["signing.key", "signing.pub"]
    if os.name == "posix":
        assert stat.S_IMODE((place / "signing.key").stat().st_mode) == 0o600
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


MAKE = """
import sys
from tocsin.delivery.sign import SigningKey
sys.stdin.readline()
print(SigningKey.load_or_create(sys.argv[1]).fingerprint)
"""


def test_several_processes_get_one_key(tmp_path):
    started = [subprocess.Popen([sys.executable, "-c", MAKE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(4)]
    answers = {one.communicate("go\n", timeout=60)[0] for one in started}
    assert answers == {SigningKey.load_or_create(tmp_path).fingerprint + "\n"}
    assert len(os.listdir(tmp_path / "keys")) == 2


@pytest.mark.skipif(os.name != "posix", reason="rights are of POSIX")
def test_a_private_key_that_others_may_read_is_refused(tmp_path):
    SigningKey.load_or_create(tmp_path)
    (tmp_path / "keys" / "signing.key").chmod(0o640)
    with pytest.raises(ArtifactError, match="chmod 600") as told:
        SigningKey.load_or_create(tmp_path)
    assert told.value.code == "TOC-443"


def test_the_private_key_is_in_no_text(tmp_path):
    assert "private" not in repr(KEY) and KEY.fingerprint[:16] in repr(KEY)


def pem(kind: str) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    return (key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x") if kind == "ed25519"
                              else form.NoEncryption()),
            key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 31, KEY.fingerprint.encode(), pem("ec")[1], pem("ec")[0],
                                     b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
                         ids=("empty", "word", "short", "fingerprint", "other curve", "private", "damaged"))
def test_what_is_no_public_key_is_refused(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    for source in (content, tmp_path / "k"):
        with pytest.raises(ArtifactError) as told:
            PublicKey.read(source)
        assert told.value.code == "TOC-443"


def test_a_private_key_in_place_of_the_public_one_is_said(tmp_path):
    SigningKey.load_or_create(tmp_path)
    with pytest.raises(ArtifactError, match="private key: pass the public one"):
        PublicKey.read(tmp_path / "keys" / "signing.key")


@pytest.mark.parametrize("content", [b"", b"hello", KEY.public.pem.encode(), pem("ec")[0], pem("ed25519")[0]],
                         ids=("empty", "word", "public", "other curve", "encrypted"))
def test_what_is_no_private_key_is_refused(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(ArtifactError) as told:
        SigningKey.read(tmp_path / "k")
    assert told.value.code == "TOC-443"


@pytest.mark.parametrize("given", [[], (), True, False, 5, [None], {"a": 1}, "/no/such/file", [KEY.public, "/no/such/file"]])
def test_what_names_no_key_is_refused_and_never_means_anyone(signed, given):
    refused(signed, "TOC-443", given)


def test_a_folder_that_cannot_hold_a_key(tmp_path):
    (tmp_path / "keys").touch()
    with pytest.raises(ArtifactError) as told:
        SigningKey.load_or_create(tmp_path)
    assert told.value.code == "TOC-443"


def test_a_key_of_small_order_fits_nothing_it_did_not_sign():
    assert not PublicKey(b"\0" * 32).fits(b"\0" * 64, b"content")
    assert not PublicKey(b"\xff" * 32).fits(KEY.private.sign(b"x"), b"x")


def test_keys_once_named_are_all_there():
    assert trusted_keys([KEY.public, OTHER]) == [KEY.public, OTHER.public]
    assert claimed_signer(None) is None and claimed_signer(KEY.sign(b"")) == KEY.fingerprint


def test_openssl_reads_the_same(tmp_path, model):
    """The signature is one over the plain bytes of a file, so other tools can check it."""
    import shutil

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tocsin.save(model, tmp_path / "m", key=KEY)
    (tmp_path / "pub").write_text(KEY.public.pem)
    (tmp_path / "sig").write_bytes(base64.b64decode(json.loads((path / SIGNATURE).read_bytes())["signature"]))
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "pub", "-rawin", "-in", path / MANIFEST,
                           "-sigfile", tmp_path / "sig"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_the_package_loading_works_and_signing_says_what_to_install(tmp_path, model, monkeypatch):
    path = tocsin.save(model, tmp_path / "m.tocsin", key=KEY)
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert artifact.load(path)
    for act in (SigningKey.generate, lambda: artifact.load(path, require_signature=KEY.public.raw)):
        with pytest.raises(MissingExtra, match=r"tocsin\[serve\]") as told:
            act()
        assert told.value.code == "TOC-501"

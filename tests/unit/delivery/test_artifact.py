import json
import os
import zipfile

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, StateError, TocsinError
from tocsin.delivery import artifact
from tocsin.delivery.artifact import load, read, read_manifest, save, write
from tocsin.delivery.audit import sha256
from tocsin.delivery.manifest import compose
from tocsin.flows.train import fit

STATE = {"detector": {"name": "knn", "bank": np.arange(12, dtype=np.float32).reshape(3, 4)}, "cut": float("inf"),
         "levels": ["a", None, 2**70], "scale": {"mean": np.array([0.1, -0.0]), "kept": np.array([True, False])}}
ABOUT = {"data": {"digest": "ab", "rows": 3}, "metrics": {"auroc": None}, "schema": {"columns": []}}


def same(a, b):
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b and type(a) is type(b)


@pytest.fixture(params=["zip", "directory"])
def saved(request, tmp_path):
    return write(tmp_path / ("m.tocsin" if request.param == "zip" else "m"), STATE, ABOUT)


def members(path):
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in os.listdir(path)}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def replace(path, files):
    """Puts other members into a saved model, as someone with a zip tool would."""
    if path.is_dir():
        for name, content in files.items():
            (path / name).write_bytes(content)
    else:
        files = {**members(path), **files}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)


def forged(state: bytes, arrays: bytes):
    """All digests right, content of the forger's choice."""
    files = {"state.json": state, "arrays.safetensors": arrays}
    return {"manifest.json": compose({}, files), **files}


def test_state_and_manifest_come_back(saved):
    manifest, state = read(saved)
    assert same(state, STATE) and manifest["model"] == ABOUT and manifest["format"] == 1
    assert read_manifest(saved) == manifest
    state["detector"]["bank"][0, 0] = 5.0  # loaded arrays are the caller's own, writable


def test_the_three_files_are_what_the_page_says(saved):
    files = members(saved)
    assert set(files) == {"manifest.json", "state.json", "arrays.safetensors"}
    assert json.loads(files["state.json"])["detector"]["bank"] == {"$array": "detector.bank"}
    assert json.loads(files["manifest.json"])["files"]["arrays.safetensors"]["sha256"] == sha256(files["arrays.safetensors"])
    assert not any(b"pickle" in content for content in files.values())


def test_the_form_follows_the_name_unless_said_otherwise(tmp_path):
    assert write(tmp_path / "a.tocsin", STATE, {}).is_file() and write(tmp_path / "b", STATE, {}).is_dir()
    assert write(tmp_path / "c.tocsin", STATE, {}, as_directory=True).is_dir()
    assert write(tmp_path / "d", STATE, {}, as_directory=False).is_file()
    assert write(tmp_path / "c.tocsin", {"x": 1}, {}).is_dir()  # stays what it is
    assert all(same(read(tmp_path / name)[1], STATE) for name in ("a.tocsin", "b", "d"))


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    write(tmp_path / "v1.tocsin", {"x": 1}, {})
    (tmp_path / "now.tocsin").symlink_to("v1.tocsin")
    write(tmp_path / "now.tocsin", {"x": 2}, {})
    assert (tmp_path / "now.tocsin").is_symlink() and read(tmp_path / "v1.tocsin")[1] == {"x": 2}


def test_a_state_that_cannot_be_written_leaves_the_old_file(saved):
    with pytest.raises(StateError, match="TOC-304"):
        write(saved, {"x": object()}, {})
    assert same(read(saved)[1], STATE)


def test_too_large_a_state_is_refused_when_written(saved, monkeypatch):
    monkeypatch.setitem(artifact.LIMITS, "state.json", 10)
    with pytest.raises(ArtifactError, match="TOC-403"):
        write(saved, STATE, {})


@pytest.mark.parametrize("name", ["state.json", "arrays.safetensors"])
def test_a_changed_part_is_noticed(saved, name):
    content = bytearray(members(saved)[name])
    content[-2] ^= 1
    replace(saved, {name: bytes(content)})
    with pytest.raises(ArtifactError, match="TOC-408"):
        read(saved)


def test_a_changed_manifest_is_noticed(saved):
    replace(saved, {"manifest.json": members(saved)["manifest.json"].replace(b'"rows": 3', b'"rows": 4')})
    with pytest.raises(ArtifactError, match="TOC-408"):
        read(saved)


def test_formats_above_and_below_are_told_apart(saved):
    old = members(saved)["manifest.json"]
    replace(saved, {"manifest.json": old.replace(b'"format": 1', b'"format": 2')})
    with pytest.raises(ArtifactError, match=r"TOC-409.*newer"):
        read(saved)
    replace(saved, {"manifest.json": old.replace(b'"format": 1', b'"format": 0')})
    with pytest.raises(ArtifactError, match="TOC-411"):
        read(saved)


@pytest.mark.parametrize(("state", "arrays", "code"), [
    (b"[1]", b"\x02\0\0\0\0\0\0\0{}", "TOC-412"), (b"{", b"\x02\0\0\0\0\0\0\0{}", "TOC-412"), (b"{}", b"", "TOC-413"),
    (b'{"a":{"$array":"a"}}', b"\x02\0\0\0\0\0\0\0{}", "TOC-414"),
])
def test_forged_content_with_right_digests_is_refused(saved, state, arrays, code):
    replace(saved, forged(state, arrays))
    with pytest.raises(ArtifactError, match=code):
        read(saved)


def test_every_flip_and_every_cut_is_noticed_or_harmless(tmp_path):
    """No other exception, and never a different state."""
    path = write(tmp_path / "m.tocsin", STATE, ABOUT)
    whole, rng = path.read_bytes(), np.random.default_rng(7)
    damaged = [whole[:cut] for cut in rng.integers(0, len(whole), 120)]
    for at, bit in zip(rng.integers(0, len(whole), 500), rng.integers(0, 8, 500)):
        damaged.append(whole[:at] + bytes([whole[at] ^ (1 << int(bit))]) + whole[at + 1 :])
    end = whole.index(b"PK\x01\x02")  # every byte of the zip's own directory, where parsers break
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(end, len(whole))]
    damaged += [whole + b"more", b"before" + whole, whole + whole, whole[: len(whole) // 2] + whole]
    noticed = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            assert same(read(path)[1], STATE)
        except ArtifactError as error:
            assert error.code.startswith("TOC-4")
            noticed += 1
    assert noticed > 0.8 * len(damaged)


@pytest.fixture(scope="module", params=["table", "series"])
def fitted(request):
    """A real model and rows to judge."""
    rng = np.random.default_rng(0)
    if request.param == "table":
        rows = rng.normal(size=(120, 3))
        return fit(rows[:80], detector="knn"), rows[60:]
    wave = np.sin(np.arange(300) * 2 * np.pi / 20)[:, None] + rng.normal(0, 0.05, (300, 1))
    return fit(wave[:200], kind="series", detector="windows", params={"window": 10}), wave[180:]


@pytest.mark.parametrize("name", ["m.tocsin", "m"])
def test_a_loaded_model_scores_decides_and_explains_as_before(fitted, tmp_path, name):
    model, rows = fitted
    again = load(save(model, tmp_path / name))
    before, after = model.detect(rows), again.detect(rows)
    assert np.array_equal(before.score, after.score) and np.array_equal(before.p_value, after.p_value)
    assert np.array_equal(before.is_anomaly, after.is_anomaly) and before.threshold == after.threshold and before.events == after.events
    assert model.explain(rows, before.top(2)).sentences == again.explain(rows, after.top(2)).sentences
    twice = load(save(again, tmp_path / f"again-{name}"))
    assert np.array_equal(twice.detect(rows).score, before.score)


def test_a_damaged_model_is_noticed_or_scores_the_same(fitted, tmp_path):
    model, rows = fitted
    path = save(model, tmp_path / "m.tocsin")
    whole, score, rng = path.read_bytes(), model.anomaly_score(rows[:20]), np.random.default_rng(3)
    noticed = 0
    for at, cut in zip(rng.integers(0, len(whole), 150), rng.random(150) < 0.2):
        path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ (1 << int(rng.integers(8)))]) + whole[at + 1 :])
        try:
            assert np.array_equal(load(path).anomaly_score(rows[:20]), score)
        except ArtifactError:
            noticed += 1
    assert noticed > 120


def leaves(tree, path=()):
    """Every place in a JSON tree."""
    yield path
    if isinstance(tree, (dict, list)):
        for key, part in (tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield from leaves(part, (*path, key))


def test_wrong_content_with_right_digests_is_a_stated_error_or_a_model(fitted, tmp_path):
    """A forger can repair the digests; what is then built is still a stated error or some model, never a crash of another kind."""
    model, _ = fitted
    files, rng = members(save(model, tmp_path / "m")), np.random.default_rng(5)
    tree = json.loads(files["state.json"])
    places = [path for path in leaves(tree) if path]
    refused = 0
    for number in rng.permutation(len(places))[:120]:
        changed = json.loads(files["state.json"])
        inner = changed
        for key in places[number][:-1]:
            inner = inner[key]
        inner[places[number][-1]] = [None, -1, "x", [], {}, {"$float": "nan"}][rng.integers(6)]
        replace(tmp_path / "m", forged(json.dumps(changed).encode(), files["arrays.safetensors"]))
        try:
            load(tmp_path / "m")
        except TocsinError:
            refused += 1
    assert refused > 0


def test_what_builds_no_model_is_a_stated_error(tmp_path):
    write(tmp_path / "m.tocsin", {"x": 1}, {})
    with pytest.raises(ArtifactError, match="TOC-416"):
        load(tmp_path / "m.tocsin")


@pytest.mark.parametrize(("detector", "spoil"), [
    ("neighbour_fusion", lambda learned: learned.pop("mean_")),
    ("robust_knn", lambda learned: learned.update(rows_=learned["rows_"][:, :1])),
    ("lof", lambda learned: learned.pop("rows_")),
    ("pca", lambda learned: learned.update(mean_=learned["mean_"][:1], axes_="none")),
])
def test_a_detector_that_misses_a_part_is_found_out_when_it_is_loaded(tmp_path, detector, spoil):
    model = fit(np.random.default_rng(0).normal(size=(80, 3)), detector)
    state = model.state()
    spoil(state["detector"]["state"]["learned"])
    write(tmp_path / "m.tocsin", state, model.manifest())
    with pytest.raises(ArtifactError):
        load(tmp_path / "m.tocsin")

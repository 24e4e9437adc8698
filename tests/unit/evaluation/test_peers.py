import sys

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.evaluation import peers


@pytest.fixture
def pyod(tmp_path, monkeypatch):
    """A stand-in of the same layout, so that the adapter is tested where the package is not installed."""
    folder = tmp_path / "pyod" / "models"
    folder.mkdir(parents=True)
    for place in (folder.parent, folder):
        (place / "__init__.py").write_text("")
    (folder / "knn.py").write_text(
        "import numpy as np\nclass KNN:\n"
        "    def __init__(self, n_neighbors=5, random_state=None): self.k, self.seed = n_neighbors, random_state\n"
        "    def fit(self, X): self.decision_scores_ = np.abs(X).sum(1) + np.random.rand()\n"
        "    def decision_function(self, X): return np.abs(X).sum(1)[:, None]\n")
    (folder / "deep_svdd.py").write_text(
        "class DeepSVDD:\n    def __init__(self, n_features, verbose=1): self.d, self.verbose = n_features, verbose\n")
    real = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "pyod"}
    for name in real:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(tmp_path))
    # The adapter seeds foreign code's global state; in the harness the process ends afterwards, here it is put back.
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyod"]:
        del sys.modules[name]
    sys.modules.update(real)


def test_a_peer_keeps_its_defaults_and_is_seeded_and_quiet(pyod):
    made = peers.make("pyod", "KNN", width=2, seed=9, params={"n_neighbors": 3})
    assert made.model.k == 3 and made.model.seed == 9
    X = np.ones((4, 2))
    first, second = made.fit(X).training_score(), made.fit(X).training_score()
    assert np.array_equal(first, second) and made.score(X).tolist() == [2.0] * 4
    deep = peers.make("pyod", "DeepSVDD", width=7, seed=0, params={}).model
    assert deep.d == 7 and deep.verbose == 0


def test_unknown_peers_and_families_are_named(pyod):
    with pytest.raises(ConfigError, match=r"TOC-264.*deep_svdd, knn"):
        peers.make("pyod", "Nothing", width=2, seed=0, params={})
    with pytest.raises(ConfigError, match=r"TOC-264.*pyod"):
        peers.make("nobody", "KNN", width=2, seed=0, params={})


def test_a_missing_package_says_the_install_line(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"TOC-501.*pip install 'tocsin\[bench\]'"):
        peers.make("pyod", "KNN", width=2, seed=0, params={})

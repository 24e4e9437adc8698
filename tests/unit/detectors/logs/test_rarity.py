import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ConfigError

LOG = [f"10:00:{i % 60:02d} INFO job {i} done" for i in range(95)] + [f"10:02:{i:02d} WARN fan {i} slow" for i in range(5)]


def test_the_rarer_the_template_the_higher_the_score() -> None:
    model = catalog.make("logs.rarity").fit(LOG)
    done, slow, never = model.anomaly_score(["10:03:00 INFO job 1 done", "10:03:01 WARN fan 1 slow", "10:03:02 WARN lamp off"])
    assert never > slow + 2 > done + 4
    assert done == pytest.approx(-np.log(95.5 / 101))


def test_what_comes_again_loses_its_surprise_at_the_rate_asked_for() -> None:
    new = ["10:03:00 WARN lamp off"] * 30
    slow, quick, none = (catalog.make("logs.rarity", adapt=adapt).fit(LOG).anomaly_score(new) for adapt in (0.01, 1.0, 0.0))
    assert np.ptp(none) == 0 and 0 < np.ptp(slow) < np.ptp(quick)


@pytest.mark.parametrize("params", [{"adapt": -0.1}, {"adapt": 1.5}])
def test_wrong_settings_are_refused(params: dict[str, float]) -> None:
    for name in ("logs.rarity", "logs.lines", "logs.fusion"):
        with pytest.raises(ConfigError, match="TOC-219"):
            catalog.make(name, **params).fit(LOG)
    with pytest.raises(ConfigError, match="TOC-202"):
        catalog.make("logs.rarity", most=0).fit(LOG)

"""Student and teacher."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.images.student_teacher import StudentTeacher
from tocsin.testing.toy import toy


@pytest.fixture(scope="module")
def fitted() -> StudentTeacher:
    return StudentTeacher.small().fit(toy("images").train)


def test_faults_rank_above_normal_pictures(fitted: StudentTeacher) -> None:
    data = toy("images")
    scores = fitted.anomaly_score(data.test)
    assert np.median(scores[data.truth == 1]) > scores[data.truth == 0].max()


def test_the_fault_stands_out_in_the_map(fitted: StudentTeacher) -> None:
    data = toy("images")
    odd = data.test[data.truth == 1][:5]
    for item, made in zip(odd, fitted.anomaly_map(odd)):
        assert made[item.mask()].mean() > 1.3 * made[~item.mask()].mean()


def test_training_makes_the_loss_small(fitted: StudentTeacher) -> None:
    assert fitted.history_[-1]["validation"] < 0.9 * fitted.history_[0]["validation"]


def test_all_channels_are_told(fitted: StudentTeacher) -> None:
    (reason,) = fitted.reasons(toy("images").test[-1:])
    assert [name for name, _ in reason.shares] == ["student", "autoencoder", "picture"]
    assert "foretells" in reason.sentence


def test_the_model_carries_its_backbone(fitted: StudentTeacher) -> None:
    assert fitted.state()["learned"]["features"]["backbone"] == "random"


def test_any_size_fits_the_teachers_grid() -> None:
    model = StudentTeacher(backbone="random", taps=(1, 6), size=52, width=8, code=4, training={"epochs": 1}).fit(toy("images").train[:6])
    assert np.isfinite(model.anomaly_score(toy("images").test[:2])).all()


@pytest.mark.parametrize("wrong", [{"width": 12}, {"width": 0}, {"code": 0}, {"size": 8}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        StudentTeacher(**{"backbone": "random", **wrong}).fit(toy("images").train[:6])

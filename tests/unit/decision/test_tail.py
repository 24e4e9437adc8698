import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.decision import tail


def excesses(law, k=200):
    rng = generator(3, law)
    return {"expon": rng.exponential(2.0, k), "heavy": rng.pareto(2.0, k), "bounded": rng.random(k),
            "tied": np.repeat([1.0, 2.0], k // 2)}[law]


@pytest.mark.parametrize("law", ["expon", "heavy", "bounded", "tied"])
@pytest.mark.parametrize("k", [1, 4, 5, 10, 200])
def test_survival_starts_at_one_and_falls_strictly_however_far(law, k):
    x = excesses(law)[:k]
    fitted = tail.pareto(x, 1.0 + x.max(), 1.0)
    at = fitted.start + fitted.scale * np.r_[0.0, np.geomspace(1e-3, 1e300, 400)]
    log_survival = fitted(at[np.isfinite(at)])
    assert log_survival[0] == 0
    assert np.all(np.diff(log_survival) < 0) and np.isfinite(log_survival).all()


def test_exponential_tail_is_the_exact_predictive_law():
    x = np.array([1.0, 2.0, 4.0])
    fitted = tail.exponential(x, 4.0, 0.0)
    np.testing.assert_allclose(np.exp(fitted(np.array([4.0 + 11.0]))), (1 + 11 / 11) ** -3.0, rtol=1e-3)


def test_shape_of_the_law_shows_in_the_fit():
    at = {law: tail.pareto(excesses(law), float(excesses(law).max()), 0.0) for law in ("expon", "heavy", "bounded")}
    far = {law: float(fit(np.array([fit.start * 3]))[0]) for law, fit in at.items()}
    assert far["bounded"] < far["expon"] < far["heavy"]


def test_exponential_survival_is_close_to_the_truth():
    x = excesses("expon", 240)
    fitted = tail.pareto(x, float(x.max()), 0.0)
    drop = fitted(np.array([x.max() + 4.0]))[0]  # two scale units
    assert -3.2 < drop < -1.2


def test_unit_of_the_scores_does_not_matter():
    x = excesses("heavy", 40)
    plain, scaled = tail.pareto(x, float(x.max()), 0.0), tail.pareto(x * 1e-200, float(x.max()) * 1e-200, 0.0)
    np.testing.assert_allclose(plain(x.max() * np.array([2.0, 50.0])), scaled(x.max() * np.array([2e-200, 50e-200])), rtol=1e-6)


def test_a_tiny_scale_does_not_overflow():
    fitted = tail.pareto(np.array([1.0, 2.0, 3.0, 4.0, 5.0]) * 1e-300, 5e-300, 0.0)
    assert np.isfinite(fitted(np.array([1.7e308]))).all()


def test_plausible_laws_hold_the_truth_and_refuse_what_was_not_seen():
    x = excesses("expon", 400)
    cut = float(np.quantile(x, 0.8))
    laws = tail.plausible(x[x <= cut], int((x > cut).sum()), cut, believed=40, prior=tail.Prior((-1.5, 1.0)))
    assert laws.weight.sum() == pytest.approx(1)
    near = float(laws.survival(np.array([cut + 2.0]))[0] @ laws.weight)  # truth: exp(-1)
    assert 0.2 < near < 0.55
    assert laws.survival(np.array([cut]))[0] == pytest.approx(1.0)
    assert laws.shape.max() <= 1.0


def test_a_prior_speaks_where_few_excesses_do_not():
    few, many = np.array([0.1, 0.2, 3.0]), excesses("bounded", 2000)
    def far(x, prior):
        return float(tail.pareto(x, float(x.max()), 0.0, prior=prior)(np.array([x.max() * 20]))[0])

    heavy, light = tail.Prior(centre=1.0, spread=0.2), tail.Prior(centre=0.0, spread=0.2)
    assert far(few, heavy) > far(few, light) + 1
    shapes = tail.plausible(many, 0, 1.0, believed=2000, prior=tail.FEW)
    assert float(shapes.shape @ shapes.weight) < -0.6  # the truth is -1


def test_shapes_outside_a_prior_have_no_weight():
    weight = tail.Prior((0.0, 0.5), spread=0.2).log_weight(np.array([-0.1, 0.0, 0.2, 0.6]))
    np.testing.assert_allclose(weight, [-np.inf, 0.0, -0.5, -np.inf])
    assert tail.FLAT.log_weight(np.array([-1.5, 2.0])).tolist() == [0.0, 0.0]

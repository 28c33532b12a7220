"""Without scikit-learn, scipy, pandas, nibabel and tqdm: numpy is all that is needed."""

import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def alone(tmp_path):
    """Run a text in a Python that has numpy alone."""

    def run(text):
        path = tmp_path / "alone.py"
        blocked = "import sys\nfor name in ('sklearn', 'scipy', 'pandas', 'nibabel', 'tqdm'):\n    sys.modules[name] = None\n"
        path.write_text(
            blocked + "import numpy as np\nimport voxen\nrng = np.random.default_rng(0)\n"
            "X, Y = rng.standard_normal((60, 4)), rng.standard_normal((60, 7))\n" + textwrap.dedent(text)
        )
        return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True).stdout

    return run


def test_estimators(alone):
    """Estimators fit, predict, and have parameters as in scikit-learn."""
    out = alone("""
        model = voxen.RidgeCV(alphas=[1.0, 10.0], cv=3, progress=True).fit(X, Y)
        print(model.coef_.shape, model.predict(X).shape, model.score(X, Y) > 0, model.n_features_in_)
        print(str(model), model.get_params()["cv"], model.set_params(cv=4).cv)
        again = voxen.RidgeCV(**model.get_params()).fit(X.tolist(), Y[:, 0])
        print(again.coef_.shape, voxen.GroupRidgeCV([0, 0, 1, 1], n_iter=3).fit(X, Y).deltas_.shape)
        print(voxen.Delayer([0, 1]).fit_transform(X).shape, voxen.DictionaryLearning(3).fit_transform(X).shape)
        print(voxen.LassoCV().fit(X, Y).alphas_.shape, voxen.explainable_variance(rng.standard_normal((3, 20, 4))).shape)
    """)
    assert out.splitlines() == [
        "(4, 7) (60, 7) True 4",
        "RidgeCV(alphas=[1.0, 10.0], cv=3, progress=True) 3 4",
        "(4,) (2, 7)",
        "(60, 8) (60, 3)",
        "(20,) (4,)",
    ]


def test_refusals(alone):
    """Wrong input is refused here too."""
    out = alone("""
        hole = X.copy()
        hole[3, 1] = np.nan
        fitted = voxen.RidgeCV().fit(X, Y)
        for f in (
            lambda: voxen.RidgeCV().fit(X[:, 0], Y),
            lambda: voxen.RidgeCV().fit(X[:1], Y[:1]),
            lambda: voxen.RidgeCV().fit(X[:, :0], Y),
            lambda: voxen.RidgeCV().fit(hole, Y),
            lambda: voxen.RidgeCV().fit(X, Y * 1j),
            lambda: voxen.RidgeCV().fit(X * 1j, Y),
            lambda: voxen.RidgeCV().fit((X * 9).astype("datetime64[s]"), Y),
            lambda: voxen.RidgeCV().fit(X, Y[:9]),
            lambda: voxen.RidgeCV().fit(X, None),
            lambda: voxen.RidgeCV().predict(X),
            lambda: fitted.predict(X[:, :3]),
            lambda: fitted.set_params(cvs=3),
        ):
            try:
                f()
                print("fits")
            except ValueError as e:
                print(e)
    """)
    says = ["2D array", "1 sample", "0 feature", "NaN", "Complex", "Complex", "expected real numbers", "inconsistent", "y is None", "not fitted", "3 features", "Invalid parameter 'cvs'"]
    lines = out.splitlines()
    assert len(lines) == len(says)
    for line, want in zip(lines, says, strict=True):
        assert want in line


def test_commands(alone):
    """Results are arrays, tables dicts of lists, sparse codes dicts of arrays."""
    out = alone("""
        print(voxen.encode(X, Y)["weights"].shape)
        learned = voxen.learn(X.T, atoms=2)
        print(sorted(learned["codes"])[:3], len(learned["objective"]["objective"]) > 0)
    """)
    assert out.splitlines() == ["(4, 7)", "['data', 'format', 'indices'] True"]

import pytest

from lzero_training.paths import CONFIGS
from lzero_training.settings import load_settings


def test_every_committed_configuration_loads():
    files = sorted(CONFIGS.rglob("*.yaml"))
    assert files
    for path in files:
        assert load_settings(path).name


def test_unknown_settings_are_refused_by_name(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("name: a\nlearning_rat: 1\n")
    with pytest.raises(KeyError, match="learning_rat"):
        load_settings(path)
    path.write_text("name: a\nlexical: {alfa: 1}\n")
    with pytest.raises(KeyError, match="alfa"):
        load_settings(path)


def test_extends_changes_the_named_values_only(tmp_path):
    (tmp_path / "base.yaml").write_text("name: base\nflops: 0.5\nlexical: {alpha: 0.7, k1: 1.1}\n")
    child = tmp_path / "child.yaml"
    child.write_text("extends: base.yaml\nname: child\nlexical: {alpha: 0}\n")
    settings = load_settings(child)
    assert (settings.name, settings.flops, settings.lexical.alpha, settings.lexical.k1) == ("child", 0.5, 0, 1.1)

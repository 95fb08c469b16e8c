"""The configuration refuses what it does not know, and the shipped file says the defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from training.config import DEFAULT_FILE, Config, config_from, read_config


def test_shipped_file_says_every_key_with_its_default() -> None:
    shipped = tomllib.loads(DEFAULT_FILE.read_text("utf-8"))
    assert shipped == Config().as_mapping()


def test_shipped_file_reads_back_as_the_default_configuration() -> None:
    assert read_config(DEFAULT_FILE) == Config()


def test_mapping_round_trips() -> None:
    assert config_from(Config().as_mapping()) == Config()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[ranker]\nn_tree = 3\n", "unknown key 'n_tree'; known are"),
        ("[rankers]\nn_trees = 3\n", "unknown key 'rankers'"),
        ("[ranker]\nn_trees = 3.5\n", "n_trees: must be a whole number; got 3.5"),
        ("[ranker]\nn_trees = -3\n", "n_trees: must be >= 0; got -3"),
        ("[ranker]\nlearning_rate = 'fast'\n", "learning_rate: must be a number; got 'fast'"),
        ("[ranker]\nn_leaves = 65\n", "n_leaves: must be between 2 and 64; got 65"),
        ("[operators]\nwalks = 3\n", "walks: must be a list of str; got 3"),
        (
            "[operators]\nwalks = ['stroll']\n",
            "walks: must be among walk, filter, cosine, four_step; got 'stroll'",
        ),
        ("[operators]\nals_alpha = [1.0]\n", "must be equally long; got 2 and 1 and 2"),
        ("ranker = 3\n", "ranker must be a section of keys; got 3"),
        ("[ranker\n", "not readable as TOML"),
    ],
)
def test_what_it_may_not_say_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=sentence.replace("(", r"\(")) as found:
        read_config(file)
    assert "mine.toml" in str(found.value)


def test_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such configuration file"):
        read_config(tmp_path / "none.toml")

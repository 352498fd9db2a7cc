"""What a job leaves in its log: the commit first, one sentence for a user's mistake, a traceback for ours."""

import logging

import pytest

from icescope.errors import InputError
from icescope.job import job
from icescope.provenance import git_commit


@pytest.fixture(autouse=True)
def root_logger(monkeypatch):
    """Give the root logger back its handlers and its level, and close the job's."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.setLevel(level)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "step" / "a.log"


def test_log_starts_with_the_commit_and_keeps_what_the_step_says(log, capsys):
    with job(str(log), "some_step"):
        logging.getLogger("icescope.somewhere").info("half done")
    first, second = log.read_text().splitlines()
    assert first.endswith(f"started at commit {git_commit()}") and second.endswith("icescope.somewhere: half done")
    assert "some_step: half done\n" in capsys.readouterr().err


def test_a_mistake_of_the_user_is_one_sentence_and_status_one(log, capsys):
    with pytest.raises(SystemExit) as end, job(str(log), "some_step"):
        raise InputError("films.repeats is too small; raise it.")
    assert end.value.code == 1 and end.value.__suppress_context__
    _, sentence = log.read_text().splitlines()
    assert sentence.endswith("films.repeats is too small; raise it.")
    assert capsys.readouterr().err.splitlines()[-1] == "some_step: films.repeats is too small; raise it."


def test_any_other_error_keeps_its_traceback_in_the_log(log):
    with pytest.raises(ZeroDivisionError), job(str(log), "some_step"):
        1 / 0  # noqa: B018
    text = log.read_text()
    assert "some_step failed" in text and "Traceback" in text
    assert text.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_second_run_starts_a_new_log(log):
    for message in ("first run", "second run"):
        with job(str(log), "some_step"):
            logging.getLogger("icescope").info(message)
    assert "first run" not in log.read_text() and "second run" in log.read_text()

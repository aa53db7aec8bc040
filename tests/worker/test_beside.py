"""What is timed beside the rounds can be held to its work, however little time it has."""

from __future__ import annotations

import numpy as np
import pytest

from harness.worker import beside


class Questions:
    """Adapter and watching in one: which batches were asked, and which answer was held."""

    warming_passes = 2

    def __init__(self):
        self.asked = []

    def begin_predictions(self, batch_size):
        return 4

    def predict(self, number):
        self.asked.append(number)
        return np.full((1, 10), number, np.float32)

    def predicted(self, number, batch_size, answer):
        self.held = number, answer[0, 0]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_the_answer_that_is_held_is_to_another_question_than_the_first(monkeypatch, most):
    monkeypatch.setattr(beside, "_PREDICT_S", 60.0)
    monkeypatch.setattr(beside, "_MOST_CALLS", most)
    questions = Questions()
    said = beside.predictions(questions, questions, batch_size=1)
    assert said["calls"] == len(questions.asked) - questions.warming_passes >= most
    last = questions.asked[-1]
    assert questions.held == (last, last)
    assert last != questions.asked[0]

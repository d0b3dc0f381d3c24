"""The example of a review runs from a shell, without a key, and prints what its first lines promise."""

from tests.test_examples import printed


def test_a_person_decides_and_no_call_is_made_twice() -> None:
    waiting, read, refused, answered = printed("review")
    assert waiting == "waiting: None, 2 calls"
    text = read.removeprefix("reviewer reads: ")
    assert text.startswith("Two a day")
    assert refused.startswith("refused: the verdict 'looks fine' can't be used: give 'accept', 'reject'")
    assert answered == f"answered: {text} (accepted, 2 calls)"

"""All chapters, in the order in which they are read."""

from quorate_check.core.system import UnusableSystemError
from quorate_check.learn.before_raft import AGREEMENT, FAULTS, LOSS, MESSAGES, NINE_GENERALS
from quorate_check.learn.exercises import Chapter, Exercise
from quorate_check.learn.raft_and_beyond import BYZANTINE, RAFT

CHAPTERS: tuple[Chapter, ...] = (FAULTS, NINE_GENERALS, LOSS, MESSAGES, AGREEMENT, RAFT, BYZANTINE)


def exercise_of(name: str) -> tuple[Chapter, Exercise]:
    """Return the exercise of this name with its chapter; raise UnusableSystemError if there is none."""
    for chapter in CHAPTERS:
        for exercise in chapter.exercises:
            if exercise.name == name:
                return chapter, exercise
    raise UnusableSystemError(f"{name}: there is no such exercise; model-check learn lists them")

"""What a notebook cell calls: start, check, checkpoint, hint, predict, reveal, quiz, progress."""

from seglib.course.checks import check, checkpoint, hint
from seglib.course.predictions import predict, reveal
from seglib.course.quizzes import quiz
from seglib.course.session import progress, start

__all__ = ["check", "checkpoint", "hint", "predict", "progress", "quiz", "reveal", "start"]

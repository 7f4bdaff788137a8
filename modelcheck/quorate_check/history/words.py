"""Operations and values as text that is safe to print."""

from __future__ import annotations

from quorate_check.history.operations import Error, Operation, OperationOutcome, Reply, ScanPage, Value

LONGEST = 40  # characters of a word


def in_words(operation: Operation, *, later: bool = False) -> str:
    """Return an operation with its reply in one line; `later` marks a reply that came after the break."""
    command = " ".join((operation.name, *map(word, operation.arguments)))
    if operation.outcome is not OperationOutcome.DONE:
        return f"{command} → {operation.outcome.value}"
    return f"{command} → {reply_text(operation.reply)}{', later' if later else ''}"


def reply_text(reply: Reply) -> str:
    """Return a reply in words."""
    match reply:
        case Error(text):
            return f"error {word(text)}"
        case ScanPage(cursor, keys):
            return f"[{word(cursor)}, {reply_text(keys)}]"
        case tuple():
            return f"[{', '.join(map(value, reply))}]"
        case int():
            return str(reply)
        case _:
            return value(reply)


def value(value: Value) -> str:
    """Return a value in words: nil if there is none."""
    return "nil" if value is None else word(value)


def word(text: str) -> str:
    """Return `text` itself if it is plain, else its escaped form; a long one is cut in the middle."""
    plain = text.isascii() and text.isprintable() and text != "" and not set(text) & set(" '\"\\")
    word_text = text if plain and text != "nil" else repr(text.encode("latin-1", "backslashreplace"))[1:]
    return word_text if len(word_text) <= LONGEST else f"{word_text[: LONGEST // 2]}...{word_text[-LONGEST // 4 :]}"

"""The one exception that users are meant to see."""


class SoundsiftError(Exception):
    """Something the user can mend: a bad file, value or setting.

    The message names the file or value seen, then the remedy. The
    command line prints it without a traceback and exits with code 2.
    """


def one_line(error: BaseException, length: int = 200) -> str:
    """The message of another library's error, on one line and no longer than `length`."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= length else text[: length - 3] + "..."

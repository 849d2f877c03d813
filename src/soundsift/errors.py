"""The one exception that users are meant to see."""


class SoundsiftError(Exception):
    """Something the user can mend: a bad file, value or setting.

    The message is one clear sentence that names the file or value seen and what was expected. The
    command line prints it without a traceback and exits with code 2.
    """

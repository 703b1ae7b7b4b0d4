"""`python -m prompt_history.history.cli`."""

from . import main

main()

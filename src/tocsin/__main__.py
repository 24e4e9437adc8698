"""``python -m tocsin`` is the command ``tocsin``."""

from tocsin.interfaces.cli.app import main

if __name__ == "__main__":
    main()

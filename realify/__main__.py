"""`python -m realify` is `realify`."""

from realify.commands.cli import main

if __name__ == "__main__":
    main()

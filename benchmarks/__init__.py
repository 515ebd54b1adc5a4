"""The figures this project claims, each made by one command."""

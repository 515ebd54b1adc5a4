"""`realify serve|pair|submit|…`: the commands that the server adds to the command line."""

"""``python -m semdim``: the command `semdim`, where its script is not on the path."""

from semdim.commands.app import app

if __name__ == "__main__":
    app(prog_name="semdim")

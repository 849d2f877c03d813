"""A server of the Model Context Protocol: agents listen to recordings and edit them in turns."""

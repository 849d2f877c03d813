"""The studio: separation as an HTTP API, and the page that uses it.

Who talks to whom, each in a process of its own:

    browser ──► server (app.py; no PyTorch) ──► worker.py, one per device, keeps its model
                     │
                     └──► decoder.py, forks for every file and limits what the fork may use

All state is in the data folder: a database of recordings and jobs (`database.py`), and their files
(`folder.py`), named by the server.
"""

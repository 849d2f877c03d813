"""The studio: an HTTP API for separation, and a web page that uses it.

Processes:

    browser ──► server (app.py; without PyTorch) ──► worker.py, one per device, keeps its model
                     │
                     └──► decoder.py, forks for every file and limits the fork's resources

All state is in the data folder (`data_folder.py`): a database of recordings, jobs and files
(`database.py`), and the files, named by the server (`storage.py`).
"""

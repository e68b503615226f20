"""A user's script for the GasFlux Web API, as it has been in use; only the host is another."""

import time
from pathlib import Path

import requests


class GasFluxClient:
    """Sends a flight, waits, fetches everything."""

    def __init__(self, host, api_key=None):
        self.host = host.rstrip("/")
        self.headers = {"X-API-Key": api_key} if api_key else {}

    def upload(self, data_file, config_file=None):
        """Id of the task."""
        files = {"file": (Path(data_file).name, Path(data_file).read_bytes())}
        if config_file:
            files["config"] = (Path(config_file).name, Path(config_file).read_bytes())
        response = requests.post(self.host + "/upload", files=files, headers=self.headers, timeout=60)
        response.raise_for_status()
        return response.json()["data"]["task_id"]

    def wait(self, task_id, seconds=2, said=print):
        """The task's data, once it is completed."""
        while True:
            response = requests.get(f"{self.host}/task/{task_id}", timeout=60)
            response.raise_for_status()
            data = response.json()["data"]
            said(f"{data['status']}: {data['message']}")
            if data["status"] == "completed":
                return data
            if data["status"] == "failed":
                raise RuntimeError(data["error"])
            time.sleep(seconds)

    def download(self, data, folder):
        """Every file of a completed task."""
        saved = []
        for entry in data["results"]:
            if "download_url" not in entry:
                continue
            response = requests.get(self.host + entry["download_url"], timeout=60)
            response.raise_for_status()
            path = Path(folder) / entry["name"]
            path.write_bytes(response.content)
            saved.append(path)
        return saved

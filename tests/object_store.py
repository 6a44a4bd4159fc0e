"""A store of objects as a real HTTP server on loopback, and what a test looks at in it by a client of its own."""

from __future__ import annotations

import logging
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline import storage

BUCKET = "world"
SECRET = "not-to-be-shown-anywhere"


class ObjectStore:
    """A running store with an empty bucket. env: how a process finds it."""

    def __init__(self, host: str, port: int) -> None:
        import boto3

        self.address, self.port = f"http://{host}:{port}", port
        self.env = {"AWS_ENDPOINT_URL": self.address, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": SECRET,
                    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        self.client: Any = boto3.client("s3", endpoint_url=self.address, region_name="us-east-1",
                                        aws_access_key_id="testing", aws_secret_access_key=SECRET)
        self.client.create_bucket(Bucket=BUCKET)

    def put(self, key: str, data: bytes) -> str:
        """Write an object; return its address."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        """Return the objects under a prefix; those that stand for empty folders are none."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ()) if not each["Key"].endswith("/")]

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nobody in: every key is an unknown one."""
        self._count("0")
        try:
            yield
        finally:
            self._count("inf")

    def _count(self, unchecked: str) -> None:
        request = urllib.request.Request(self.address + "/moto-api/reset-auth", unchecked.encode(), method="POST",
                                         headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Start the store, and stop it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield ObjectStore(*server.get_host_and_port())
    finally:
        server.stop()


@contextmanager
def known_here(store: ObjectStore) -> Iterator[None]:
    """Let this process know the store, and no other."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in store.env.items():
            patch.setenv(name, value)
        storage._store.cache_clear()
        yield
    storage._store.cache_clear()

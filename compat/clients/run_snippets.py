"""Runs programs for boto3, each with an access key of its own, and prints a line of JSON for what each of them got.

The argument is a file with a list of {"File", "AccessKeyID", "Secret"}.
"""
import base64
import contextlib
import datetime
import io
import json
import os
import runpy
import sys

import boto3
import botocore.exceptions


def on_the_wire(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(type(value))


def run(file):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            answer = runpy.run_path(file)["answer"]
    except botocore.exceptions.ClientError as refusal:
        return {"refusal": refusal.response["Error"]}
    except AttributeError as missing:  # boto3 is older than the operation
        return {"missing": str(missing)}
    del answer["ResponseMetadata"]
    return {"answer": answer}


with open(sys.argv[1], encoding="utf-8") as calls:
    for call in json.load(calls):
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = call["AccessKeyID"], call["Secret"]
        boto3.DEFAULT_SESSION = None
        print(json.dumps(run(call["File"]), default=on_the_wire))

#!/usr/bin/env python3
"""boto3 against a running QKMS: `qkms dev --env-file env & . ./env && ./with_boto3.py`.

Each line of output is something that held; the first that does not ends the script with status 1.
"""
import os
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

kms = boto3.client(
    "kms",
    region_name=os.environ["AWS_REGION"],
    endpoint_url=os.environ["AWS_ENDPOINT_URL"],  # botocore before 1.31 does not read it by itself
    config=Config(retries={"max_attempts": 1, "mode": "standard"}),
)


def same(what, got, want):
    if got != want:
        sys.exit(f"NOT: {what}: got {got!r}, want {want!r}")
    print("ok:", what)


def refused(code, message, call, **arguments):
    """The exception is of the class that the client has for the code, if the model has one."""
    try:
        call(**arguments)
    except ClientError as e:
        error = e.response["Error"]
        same(f"{code}", (error["Code"], error.get("Message", "")), (code, message))
        same(f"{code}: status and request id", (e.response["ResponseMetadata"]["HTTPStatusCode"], len(e.response["ResponseMetadata"]["RequestId"])), (400, 36))
        modelled = getattr(kms.exceptions, code, ClientError) if code in dir(kms.exceptions) else ClientError
        same(f"{code}: class", isinstance(e, modelled), True)
    else:
        sys.exit(f"NOT: got a success, want {code}: {message}")


key = kms.create_key(Description="made by boto3")["KeyMetadata"]
id, arn = key["KeyId"], key["Arn"]
same("DescribeKey", kms.describe_key(KeyId=arn)["KeyMetadata"], key)
alias = f"alias/boto3-{uuid.uuid4()}"
kms.create_alias(AliasName=alias, TargetKeyId=id)

context = {"tenant": "größe", "empty": ""}
made = kms.generate_data_key(KeyId=alias, KeySpec="AES_256", EncryptionContext=context)
same("GenerateDataKey", (len(made["Plaintext"]), made["KeyId"]), (32, arn))
opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
same("Decrypt", (opened["Plaintext"], opened["KeyMaterialId"]), (made["Plaintext"], made["KeyMaterialId"]))
blind = kms.generate_data_key_without_plaintext(KeyId=id, NumberOfBytes=64)
same("GenerateDataKeyWithoutPlaintext", len(kms.decrypt(CiphertextBlob=blind["CiphertextBlob"])["Plaintext"]), 64)

secret = os.urandom(4096)
sealed = kms.encrypt(KeyId=id, Plaintext=secret)["CiphertextBlob"]
same("Encrypt", kms.decrypt(CiphertextBlob=sealed, KeyId=alias)["Plaintext"], secret)
other = kms.create_key()["KeyMetadata"]
moved = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=other["Arn"], DestinationEncryptionContext=context)
same("ReEncrypt", (moved["SourceKeyId"], moved["KeyId"]), (arn, other["Arn"]))
same("ReEncrypt, opened", kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=context)["Plaintext"], secret)
same("GenerateRandom", len(kms.generate_random(NumberOfBytes=24)["Plaintext"]), 24)

kms.update_alias(AliasName=alias, TargetKeyId=other["KeyId"])
names = [a["AliasName"] for page in kms.get_paginator("list_aliases").paginate(KeyId=other["KeyId"]) for a in page["Aliases"]]
same("ListAliases", names, [alias])
listed = {k["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}) for k in page["Keys"]}
same("ListKeys", {id, other["KeyId"]} <= listed, True)

refused("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=made["CiphertextBlob"])
refused("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.", kms.decrypt, CiphertextBlob=sealed, KeyId=alias)
refused("NotFoundException", "Invalid keyId 'fake-key-id'", kms.describe_key, KeyId="fake-key-id")
refused("InvalidArnException", "Key Aliases are not supported for this operation.", kms.disable_key, KeyId=alias)
refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.", kms.encrypt, KeyId=id, Plaintext=b"x", DryRun=True)
kms.disable_key(KeyId=id)
refused("DisabledException", f"{arn} is disabled.", kms.generate_data_key, KeyId=id, KeySpec="AES_128")
kms.enable_key(KeyId=id)
kms.update_key_description(KeyId=id, Description="größer")
same("UpdateKeyDescription", kms.describe_key(KeyId=id)["KeyMetadata"]["Description"], "größer")
gone = kms.schedule_key_deletion(KeyId=other["KeyId"], PendingWindowInDays=7)
same("ScheduleKeyDeletion", (gone["KeyId"], gone["KeyState"]), (other["Arn"], "PendingDeletion"))
refused("KMSInvalidStateException", f"{other['Arn']} is pending deletion.", kms.encrypt, KeyId=alias, Plaintext=b"x")
same("CancelKeyDeletion", kms.cancel_key_deletion(KeyId=other["KeyId"])["KeyId"], other["Arn"])
kms.delete_alias(AliasName=alias)
print("all held")

#!/usr/bin/env python3
"""boto3 against a running QKMS: `qkms dev --env-file env & . ./env && ./with_boto3.py`.

Each line of output is something that held; the first that does not ends the script with status 1.
"""
import json
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

signer = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
for algorithm in signer["SigningAlgorithms"]:
    signature = kms.sign(KeyId=signer["KeyId"], Message=b"a message", SigningAlgorithm=algorithm)["Signature"]
    verified = kms.verify(KeyId=signer["KeyId"], Message=b"a message", SigningAlgorithm=algorithm, Signature=signature)
    same(f"Sign, Verify: {algorithm}", (verified["SignatureValid"], len(signature)), (True, 256))
    refused("KMSInvalidSignatureException", "", kms.verify, KeyId=signer["KeyId"], Message=b"another", SigningAlgorithm=algorithm, Signature=signature)
public = kms.get_public_key(KeyId=signer["KeyId"])
same("GetPublicKey", (len(public["PublicKey"]), public["KeySpec"], public["SigningAlgorithms"]), (294, "RSA_2048", signer["SigningAlgorithms"]))
mac_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
mac = kms.generate_mac(KeyId=mac_key, Message=b"a message", MacAlgorithm="HMAC_SHA_256")["Mac"]
same("GenerateMac, VerifyMac", kms.verify_mac(KeyId=mac_key, Message=b"a message", MacAlgorithm="HMAC_SHA_256", Mac=mac)["MacValid"], True)
refused("KMSInvalidMacException", "", kms.verify_mac, KeyId=mac_key, Message=b"another", MacAlgorithm="HMAC_SHA_256", Mac=mac)
refused("InvalidKeyUsageException", f"{arn} key usage is ENCRYPT_DECRYPT which is not valid for Sign.", kms.sign, KeyId=id, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
pair = kms.generate_data_key_pair(KeyId=id, KeyPairSpec="ECC_NIST_P256")
same("GenerateDataKeyPair", kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"], pair["PrivateKeyPlaintext"])

kms.tag_resource(KeyId=id, Tags=[{"TagKey": f"tag {n:02}", "TagValue": "größe"} for n in range(7)])
kms.untag_resource(KeyId=id, TagKeys=["tag 03"])
tags = [t["TagKey"] for page in kms.get_paginator("list_resource_tags").paginate(KeyId=id, PaginationConfig={"PageSize": 2}) for t in page["Tags"]]
same("ListResourceTags", sorted(tags), [f"tag {n:02}" for n in range(7) if n != 3])
refused("TagException", "Tags beginning with aws: are reserved", kms.tag_resource, KeyId=id, Tags=[{"TagKey": "aws:x", "TagValue": ""}])
same("ListKeyPolicies", kms.list_key_policies(KeyId=id)["PolicyNames"], ["default"])
policy = json.loads(kms.get_key_policy(KeyId=id)["Policy"])
same("GetKeyPolicy", policy["Id"], "key-default-1")
policy["Id"] = "own"
kms.put_key_policy(KeyId=id, Policy=json.dumps(policy))
same("PutKeyPolicy", json.loads(kms.get_key_policy(KeyId=id)["Policy"]), policy)
user = f"arn:aws:iam::{arn.split(':')[4]}:root"
made_grants = {kms.create_grant(KeyId=id, GranteePrincipal=user, RetiringPrincipal=user, Operations=["Decrypt"])["GrantId"] for _ in range(5)}
same("ListGrants", {g["GrantId"] for page in kms.get_paginator("list_grants").paginate(KeyId=id, PaginationConfig={"PageSize": 2}) for g in page["Grants"]}, made_grants)
same("ListRetirableGrants", {g["GrantId"] for g in kms.list_retirable_grants(RetiringPrincipal=user)["Grants"]}, made_grants)
for grant in made_grants:
    kms.revoke_grant(KeyId=id, GrantId=grant)
same("RevokeGrant", kms.list_grants(KeyId=id)["Grants"], [])
kms.enable_key_rotation(KeyId=id)
status = kms.get_key_rotation_status(KeyId=id)
same("EnableKeyRotation", (status["KeyRotationEnabled"], status["RotationPeriodInDays"], status["KeyId"]), (True, 365, arn))
kms.rotate_key_on_demand(KeyId=id)
same("RotateKeyOnDemand", [r["RotationType"] for page in kms.get_paginator("list_key_rotations").paginate(KeyId=id) for r in page["Rotations"]], ["ON_DEMAND"])
same("Decrypt after it", kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)["KeyMaterialId"], made["KeyMaterialId"])

multi = kms.create_key(MultiRegion=True)["KeyMetadata"]
replica = kms.replicate_key(KeyId=multi["KeyId"], ReplicaRegion="eu-central-1")["ReplicaKeyMetadata"]
same("ReplicateKey", (replica["KeyState"], replica["MultiRegionConfiguration"]["MultiRegionKeyType"]), ("Creating", "REPLICA"))
there = boto3.client("kms", region_name="eu-central-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
opened = there.decrypt(CiphertextBlob=kms.encrypt(KeyId=multi["KeyId"], Plaintext=b"x")["CiphertextBlob"])
same("Decrypt in the other Region", (opened["Plaintext"], opened["KeyId"]), (b"x", replica["Arn"]))

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

#!/usr/bin/env bash
# The AWS CLI against a running QKMS: `qkms dev --env-file env & . ./env && ./aws.sh`, version 1 or 2.
# Each line of output is something that held; the first that does not ends the script with status 1.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AWS_PAGER='' AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$work/none" AWS_SHARED_CREDENTIALS_FILE="$work/none"
export AWS_DEFAULT_OUTPUT=text AWS_DEFAULT_REGION=$AWS_REGION # version 1 reads the latter alone

held() { echo "ok: $*"; }
fail() { echo "NOT: $*" >&2; exit 1; }
same() { [[ "$2" == "$3" ]] && held "$1" || fail "$1: got '$2', want '$3'"; }

# refused CODE SENTENCE OPERATION ARGS…: the CLI prints "An error occurred (CODE) when calling the …"
refused() {
  local code=$1 sentence=$2 said
  shift 2
  if said=$(aws kms "$@" 2>&1 >/dev/null); then fail "$1 succeeded, want $code"; fi
  [[ "$said" == *"($code) when calling the"*"operation: $sentence"* ]] && held "$1: $code" || fail "$1: got '$said', want $code: $sentence"
}

account=$(aws sts get-caller-identity --query Account)
same "sts get-caller-identity" "$(aws sts get-caller-identity --query Arn)" "arn:aws:iam::$account:root"

suffix=$$-$RANDOM
id=$(aws kms create-key --description "made by the CLI" --query KeyMetadata.KeyId)
arn=$(aws kms describe-key --key-id "$id" --query KeyMetadata.Arn)
[[ "$arn" == arn:aws:kms:"$AWS_REGION":*:key/"$id" ]] && held "create-key, describe-key" || fail "describe-key: got '$arn'"
aws kms create-alias --alias-name "alias/cli-$suffix" --target-key-id "$id"
same "list-aliases" "$(aws kms list-aliases --key-id "$id" --query 'Aliases[].AliasName')" "alias/cli-$suffix"

# A data key: the encrypted half is stored, and opens to the other.
aws kms generate-data-key --key-id "alias/cli-$suffix" --key-spec AES_256 --encryption-context purpose=test \
  --query '[Plaintext,CiphertextBlob]' >"$work/data-key"
read -r plain sealed <"$work/data-key"
base64 --decode <<<"$sealed" >"$work/data-key.enc"
same "generate-data-key, decrypt fileb://" \
  "$(aws kms decrypt --ciphertext-blob "fileb://$work/data-key.enc" --encryption-context purpose=test --query Plaintext)" "$plain"
refused InvalidCiphertextException "" decrypt --ciphertext-blob "fileb://$work/data-key.enc"

# A file of any bytes, there and back, and under another key.
head -c 4096 /dev/urandom >"$work/secret"
aws kms encrypt --key-id "$arn" --plaintext "fileb://$work/secret" --query CiphertextBlob | base64 --decode >"$work/secret.enc"
aws kms decrypt --key-id "$id" --ciphertext-blob "fileb://$work/secret.enc" --query Plaintext | base64 --decode >"$work/opened"
cmp "$work/secret" "$work/opened" && held "encrypt, decrypt of 4096 bytes"
other=$(aws kms create-key --query KeyMetadata.KeyId)
aws kms re-encrypt --ciphertext-blob "fileb://$work/secret.enc" --destination-key-id "$other" --query CiphertextBlob | base64 --decode >"$work/moved.enc"
same "re-encrypt" "$(aws kms decrypt --ciphertext-blob "fileb://$work/moved.enc" --query Plaintext)" "$(base64 -w0 <"$work/secret")"
refused IncorrectKeyException "The key ID in the request does not identify a CMK that can perform this operation." \
  decrypt --key-id "$other" --ciphertext-blob "fileb://$work/secret.enc"

# Keys of other kinds: what they sign and tag, and what others make for them.
printf 'a message' >"$work/message"
signer=$(aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY --query KeyMetadata.KeyId)
aws kms sign --key-id "$signer" --message "fileb://$work/message" --message-type RAW --signing-algorithm ECDSA_SHA_256 \
  --query Signature | base64 --decode >"$work/signature"
same "sign, verify" "$(aws kms verify --key-id "$signer" --message "fileb://$work/message" --message-type RAW \
  --signing-algorithm ECDSA_SHA_256 --signature "fileb://$work/signature" --query SignatureValid)" True
refused KMSInvalidSignatureException "" verify --key-id "$signer" --message "fileb://$work/data-key.enc" --message-type RAW \
  --signing-algorithm ECDSA_SHA_256 --signature "fileb://$work/signature"
refused InvalidKeyUsageException "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256." sign --key-id "$signer" \
  --message "fileb://$work/message" --signing-algorithm ECDSA_SHA_384
aws kms get-public-key --key-id "$signer" --query PublicKey | base64 --decode >"$work/public.der"
same "get-public-key" "$(wc -c <"$work/public.der")" 91
if command -v openssl >/dev/null; then
  openssl pkey -pubin -inform DER -in "$work/public.der" -out "$work/public.pem"
  same "openssl verifies" "$(openssl dgst -sha256 -verify "$work/public.pem" -signature "$work/signature" "$work/message")" "Verified OK"
  rsa=$(aws kms create-key --key-spec RSA_2048 --key-usage ENCRYPT_DECRYPT --query KeyMetadata.KeyId)
  aws kms get-public-key --key-id "$rsa" --query PublicKey | base64 --decode | openssl pkey -pubin -inform DER -out "$work/rsa.pem"
  openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pem" -in "$work/message" -out "$work/oaep" \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
  same "decrypt of what openssl encrypted" "$(aws kms decrypt --key-id "$rsa" --ciphertext-blob "fileb://$work/oaep" \
    --encryption-algorithm RSAES_OAEP_SHA_256 --query Plaintext | base64 --decode)" "a message"
else
  echo "openssl is not on this machine: that part was not run"
fi
mac=$(aws kms create-key --key-spec HMAC_384 --key-usage GENERATE_VERIFY_MAC --query KeyMetadata.KeyId)
aws kms generate-mac --key-id "$mac" --message "fileb://$work/message" --mac-algorithm HMAC_SHA_384 --query Mac | base64 --decode >"$work/mac"
same "generate-mac, verify-mac" "$(aws kms verify-mac --key-id "$mac" --message "fileb://$work/message" --mac-algorithm HMAC_SHA_384 \
  --mac "fileb://$work/mac" --query MacValid)" True
agree=$(aws kms create-key --key-spec ECC_NIST_P256 --key-usage KEY_AGREEMENT --query KeyMetadata.KeyId)
same "derive-shared-secret" "$(aws kms derive-shared-secret --key-id "$agree" --key-agreement-algorithm ECDH \
  --public-key "fileb://$work/public.der" --query SharedSecret | base64 --decode | wc -c)" 32
same "generate-data-key-pair" "$(aws kms generate-data-key-pair --key-id "$id" --key-pair-spec ECC_NIST_EDWARDS25519 \
  --query PublicKey | base64 --decode | wc -c)" 44

# What is kept about a key: tags, policy, grants, rotations.
aws kms tag-resource --key-id "$id" --tags TagKey=team,TagValue=a TagKey=stage,TagValue=test
aws kms untag-resource --key-id "$id" --tag-keys stage
same "list-resource-tags" "$(aws kms list-resource-tags --key-id "$id" --query 'Tags[].[TagKey,TagValue]')" "$(printf 'team\ta')"
refused TagException "Duplicate tag keys" tag-resource --key-id "$id" --tags TagKey=x,TagValue=1 TagKey=x,TagValue=2
account=$(cut -d: -f5 <<<"$arn")
cat >"$work/policy" <<EOF
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::$account:root"},"Action":"kms:*","Resource":"*"}]}
EOF
aws kms put-key-policy --key-id "$id" --policy-name default --policy "file://$work/policy"
same "put-key-policy, get-key-policy" "$(aws kms get-key-policy --key-id "$id" --policy-name default --query Policy | tr -d ' \n')" "$(tr -d ' \n' <"$work/policy")"
same "list-key-policies" "$(aws kms list-key-policies --key-id "$id" --query 'PolicyNames[]')" default
refused MalformedPolicyDocumentException "" put-key-policy --key-id "$id" --policy-name default --policy nonsense
grant=$(aws kms create-grant --key-id "$id" --grantee-principal "arn:aws:iam::$account:root" --retiring-principal "arn:aws:iam::$account:root" \
  --operations Decrypt DescribeKey --constraints EncryptionContextSubset={tenant=a} --query GrantId)
same "create-grant, list-grants" "$(aws kms list-grants --key-id "$id" --query 'Grants[].[GrantId,Constraints.EncryptionContextSubset.tenant]')" "$(printf '%s\ta' "$grant")"
same "list-retirable-grants" "$(aws kms list-retirable-grants --retiring-principal "arn:aws:iam::$account:root" --query 'Grants[].GrantId')" "$grant"
aws kms revoke-grant --key-id "$id" --grant-id "$grant"
same "revoke-grant" "$(aws kms list-grants --key-id "$id" --output json --query 'length(Grants)')" 0
aws kms enable-key-rotation --key-id "$id" --rotation-period-in-days 180
same "enable-key-rotation, get-key-rotation-status" "$(aws kms get-key-rotation-status --key-id "$id" --query '[KeyRotationEnabled,RotationPeriodInDays]')" "$(printf 'True\t180')"
aws kms rotate-key-on-demand --key-id "$id" >"$work/rotated"
same "rotate-key-on-demand, list-key-rotations" "$(aws kms list-key-rotations --key-id "$id" --query 'Rotations[].RotationType')" ON_DEMAND
aws kms decrypt --ciphertext-blob "fileb://$work/secret.enc" --query Plaintext | base64 --decode | cmp - "$work/secret" && held "decrypt of what was encrypted before"
aws kms disable-key-rotation --key-id "$id"

# Identities, kept by the same endpoint: a user who may what a group may, until it does not.
denied() { # SENTENCE OPERATION ARGS…, as the user
  local sentence=$1 said
  shift
  if said=$(AWS_ACCESS_KEY_ID=$user_id AWS_SECRET_ACCESS_KEY=$user_secret aws "$@" 2>&1 >/dev/null); then fail "$* succeeded"; fi
  [[ "$said" == *"$sentence"* ]] && held "$2: denied" || fail "$2: got '$said', want $sentence"
}
as_user() { AWS_ACCESS_KEY_ID=$user_id AWS_SECRET_ACCESS_KEY=$user_secret aws "$@"; }
user=cli-$suffix
same "iam create-user" "$(aws iam create-user --user-name "$user" --path /cli/ --tags Key=team,Value='a b' --query User.Arn)" "arn:aws:iam::$account:user/cli/$user"
read -r user_id user_secret < <(aws iam create-access-key --user-name "$user" --query 'AccessKey.[AccessKeyId,SecretAccessKey]')
same "sts get-caller-identity of a user" "$(as_user sts get-caller-identity --query Arn)" "arn:aws:iam::$account:user/cli/$user"
denied "(AccessDenied) when calling the ListUsers operation: User: arn:aws:iam::$account:user/cli/$user is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::$account:user/ because no identity-based policy allows the iam:ListUsers action" iam list-users
denied "(AccessDeniedException)" kms list-keys
aws iam create-group --group-name "$user" >/dev/null
aws iam add-user-to-group --group-name "$user" --user-name "$user"
cat >"$work/policy" <<'END'
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:ListKeys", "iam:ListUsers"], "Resource": "*"}]}
END
policy=$(aws iam create-policy --policy-name "$user" --policy-document "file://$work/policy" --query Policy.Arn)
aws iam attach-group-policy --group-name "$user" --policy-arn "$policy"
as_user kms list-keys >/dev/null && held "a group's policy allows"
same "iam list-users" "$(as_user iam list-users --path-prefix /cli/ --query "Users[?UserName=='$user'].Path")" /cli/
same "iam get-policy-version" "$(aws iam get-policy-version --policy-arn "$policy" --version-id v1 --query 'PolicyVersion.Document.Statement[0].Effect')" Allow
same "iam list-entities-for-policy" "$(aws iam list-entities-for-policy --policy-arn "$policy" --query 'PolicyGroups[].GroupName')" "$user"
same "iam list-policies" "$(aws iam list-policies --only-attached --scope Local --query "Policies[?Arn=='$policy'].AttachmentCount")" 1
if said=$(aws iam delete-policy --policy-arn "$policy" 2>&1); then fail "delete-policy succeeded"; fi
[[ "$said" == *"(DeleteConflict) when calling the DeletePolicy operation: Cannot delete a policy attached to entities."* ]] && held "iam delete-policy: DeleteConflict" || fail "delete-policy: got '$said'"
same "iam get-access-key-last-used" "$(aws iam get-access-key-last-used --access-key-id "$user_id" --query AccessKeyLastUsed.ServiceName)" iam
aws iam update-access-key --user-name "$user" --access-key-id "$user_id" --status Inactive
denied "(InvalidClientTokenId)" iam list-users
aws iam put-user-policy --user-name "$user" --policy-name own --policy-document "file://$work/policy"
same "iam get-user-policy" "$(aws iam get-user-policy --user-name "$user" --policy-name own --query 'PolicyDocument.Version')" 2012-10-17
printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:user/cli/%s"},"Action":"sts:AssumeRole"}]}' "$account" "$user" >"$work/trust"
same "iam create-role" "$(aws iam create-role --role-name "$user" --assume-role-policy-document "file://$work/trust" --query 'Role.AssumeRolePolicyDocument.Statement[0].Action')" sts:AssumeRole
same "iam list-role-tags" "$(aws iam tag-role --role-name "$user" --tags Key=a,Value=b && aws iam list-role-tags --role-name "$user" --query 'Tags[0].Value')" b
role=arn:aws:iam::$account:role/$user
aws iam update-access-key --user-name "$user" --access-key-id "$user_id" --status Active
read -r session_id session_secret session_token < <(as_user sts assume-role --role-arn "$role" --role-session-name job --duration-seconds 900 \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]')
same "sts assume-role" "$(AWS_ACCESS_KEY_ID=$session_id AWS_SECRET_ACCESS_KEY=$session_secret AWS_SESSION_TOKEN=$session_token \
  aws sts get-caller-identity --query Arn)" "arn:aws:sts::$account:assumed-role/$user/job"
cat >"$work/config" <<END
[profile worker]
role_arn = $role
credential_source = Environment
END
same "a profile with role_arn" "$(AWS_ACCESS_KEY_ID=$user_id AWS_SECRET_ACCESS_KEY=$user_secret AWS_CONFIG_FILE=$work/config \
  aws --profile worker sts get-caller-identity --query Account)" "$account"
denied "(ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the MaxSessionDuration set for this role." \
  sts assume-role --role-arn "$role" --role-session-name job --duration-seconds 7200
denied "(AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::$account:user/cli/$user is not authorized to perform: sts:AssumeRole on resource: $role-none" \
  sts assume-role --role-arn "$role-none" --role-session-name job
read -r session_id session_secret session_token < <(as_user sts get-session-token --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]')
same "sts get-session-token" "$(AWS_ACCESS_KEY_ID=$session_id AWS_SECRET_ACCESS_KEY=$session_secret AWS_SESSION_TOKEN=$session_token \
  aws sts get-caller-identity --query Arn)" "arn:aws:iam::$account:user/cli/$user"
if said=$(aws sts assume-role-with-web-identity --role-arn "$role" --role-session-name job --web-identity-token none.of.ours 2>&1); then fail "assume-role-with-web-identity succeeded"; fi
[[ "$said" == *"(InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: The ID Token provided is not a valid JWT."* ]] \
  && held "sts assume-role-with-web-identity: InvalidIdentityToken" || fail "assume-role-with-web-identity: got '$said'"
aws iam delete-role --role-name "$user"
aws iam delete-user-policy --user-name "$user" --policy-name own
aws iam detach-group-policy --group-name "$user" --policy-arn "$policy"
aws iam delete-policy --policy-arn "$policy"
aws iam remove-user-from-group --group-name "$user" --user-name "$user"
aws iam delete-group --group-name "$user"
aws iam delete-access-key --user-name "$user" --access-key-id "$user_id"
aws iam delete-user --user-name "$user" && held "iam delete-user"

# A key of two Regions.
multi=$(aws kms create-key --multi-region --query KeyMetadata.KeyId)
same "create-key --multi-region" "${multi:0:4}" mrk-
there=eu-central-1
same "replicate-key" "$(aws kms replicate-key --key-id "$multi" --replica-region "$there" --query ReplicaKeyMetadata.Arn)" "arn:aws:kms:$there:$account:key/$multi"
aws kms encrypt --key-id "$multi" --plaintext "fileb://$work/message" --query CiphertextBlob | base64 --decode >"$work/multi.enc"
same "decrypt in the other Region" "$(aws kms decrypt --region "$there" --ciphertext-blob "fileb://$work/multi.enc" --query Plaintext | base64 --decode)" "a message"
aws kms update-primary-region --key-id "$multi" --primary-region "$there"
same "update-primary-region" "$(aws kms describe-key --region "$there" --key-id "$multi" --query KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType)" PRIMARY

# Pages: the CLI asks for what it needs and goes on where it stopped.
same "list-keys --max-items 1" "$(aws kms list-keys --max-items 1 --output json --query 'length(Keys)')" 1
same "list-keys --page-size 1" "$(aws kms list-keys --page-size 1 --output json --query 'length(Keys)')" \
  "$(aws kms list-keys --output json --query 'length(Keys)')"

# States and refusals, word for word.
aws kms disable-key --key-id "$id"
refused DisabledException "$arn is disabled." encrypt --key-id "$id" --plaintext "fileb://$work/data-key.enc"
aws kms enable-key --key-id "$id"
same "schedule-key-deletion" "$(aws kms schedule-key-deletion --key-id "$other" --pending-window-in-days 7 --query KeyState)" PendingDeletion
refused KMSInvalidStateException "${arn/$id/$other} is pending deletion." enable-key --key-id "$other"
refused NotFoundException "Invalid keyId 'fake-key-id'" describe-key --key-id fake-key-id
refused NotFoundException "Alias ${arn%key/*}alias/none-$suffix is not found." describe-key --key-id "alias/none-$suffix"
refused AlreadyExistsException "An alias with the name ${arn%key/*}alias/cli-$suffix already exists" \
  create-alias --alias-name "alias/cli-$suffix" --target-key-id "$id"
refused ValidationException "Please specify either number of bytes or key spec." generate-data-key --key-id "$id"
AWS_SECRET_ACCESS_KEY=wrong refused InvalidSignatureException "The request signature we calculated does not match" list-keys
aws kms delete-alias --alias-name "alias/cli-$suffix"
same "generate-random" "$(aws kms generate-random --number-of-bytes 24 --query Plaintext | base64 --decode | wc -c)" 24
echo "all held"

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

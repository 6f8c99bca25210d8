# Every aws_kms_* resource and data source of Terraform's AWS provider against a running QKMS, which the
# environment names: AWS_ENDPOINT_URL and credentials. iam.tf has the identities.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

provider "aws" {
  alias                       = "there"
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

locals {
  root = "arn:aws:iam::111122223333:root"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = local.root }, Action = "kms:*", Resource = "*" }]
  })
}

resource "aws_kms_key" "symmetric" {
  description             = "made by Terraform"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
  tags                    = { team = "a", "größe" = "ü" }
}

resource "aws_kms_key" "kinds" {
  for_each = {
    RSA_2048        = "SIGN_VERIFY"
    RSA_3072        = "ENCRYPT_DECRYPT"
    ECC_NIST_P384   = "SIGN_VERIFY"
    ECC_SECG_P256K1 = "SIGN_VERIFY"
    HMAC_256        = "GENERATE_VERIFY_MAC"
    ECC_NIST_P256   = "KEY_AGREEMENT"
  }
  customer_master_key_spec = each.key
  key_usage                = each.value
  deletion_window_in_days  = 7
}

resource "aws_kms_key" "disabled" {
  is_enabled              = false
  deletion_window_in_days = 7
}

resource "aws_kms_key" "primary" {
  multi_region            = true
  deletion_window_in_days = 7
  policy                  = local.policy
}

resource "aws_kms_replica_key" "replica" {
  provider                = aws.there
  primary_key_arn         = aws_kms_key.primary.arn
  description             = "its replica"
  deletion_window_in_days = 7
  policy                  = local.policy
  tags                    = { region = "there" }
}

resource "aws_kms_external_key" "imported" {
  description             = "imported by Terraform"
  key_material_base64     = "cXVpdGUgYSBzZWNyZXQgb2YgdGhpcnR5LXR3byBiLiE="
  enabled                 = true
  deletion_window_in_days = 7
}

resource "aws_kms_external_key" "primary" {
  multi_region            = true
  key_material_base64     = "cXVpdGUgYSBzZWNyZXQgb2YgdGhpcnR5LXR3byBiLiE="
  enabled                 = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_external_key" "replica" {
  provider                = aws.there
  primary_key_arn         = aws_kms_external_key.primary.arn
  key_material_base64     = "cXVpdGUgYSBzZWNyZXQgb2YgdGhpcnR5LXR3byBiLiE="
  enabled                 = true
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "symmetric" {
  name          = "alias/terraform/symmetric"
  target_key_id = aws_kms_key.symmetric.key_id
}

resource "aws_kms_key_policy" "symmetric" {
  key_id = aws_kms_key.symmetric.id
  policy = local.policy
}

resource "aws_kms_grant" "reader" {
  name               = "reader"
  key_id             = aws_kms_key.symmetric.key_id
  grantee_principal  = aws_iam_role.reader.arn
  retiring_principal = aws_iam_role.keeper.arn
  operations         = ["Decrypt", "DescribeKey"]
  constraints {
    encryption_context_subset = { tenant = "a" }
  }
}

resource "aws_kms_ciphertext" "secret" {
  key_id    = aws_kms_key.symmetric.key_id
  plaintext = "a secret"
  context   = { tenant = "a" }
}

resource "aws_kms_custom_key_store" "outside" {
  custom_key_store_name  = "outside"
  custom_key_store_type  = "EXTERNAL_KEY_STORE"
  xks_proxy_connectivity = "PUBLIC_ENDPOINT"
  xks_proxy_uri_endpoint = "https://proxy.example.com"
  xks_proxy_uri_path     = "/kms/xks/v1"
  xks_proxy_authentication_credential {
    access_key_id         = "ABCDE234567EXAMPLE22"
    raw_secret_access_key = "0123456789012345678901234567890123456789012"
  }
}

data "aws_kms_key" "by_alias" {
  key_id = aws_kms_alias.symmetric.name
}

data "aws_kms_alias" "symmetric" {
  name = aws_kms_alias.symmetric.name
}

data "aws_kms_public_key" "signer" {
  key_id = aws_kms_key.kinds["RSA_2048"].arn
}

data "aws_kms_custom_key_store" "outside" {
  custom_key_store_id = aws_kms_custom_key_store.outside.id
}

data "aws_kms_secrets" "opened" {
  secret {
    name    = "secret"
    payload = aws_kms_ciphertext.secret.ciphertext_blob
    context = { tenant = "a" }
  }
}

output "held" {
  sensitive = true
  value = {
    secret    = data.aws_kms_secrets.opened.plaintext["secret"]
    same_key  = data.aws_kms_key.by_alias.arn == aws_kms_key.symmetric.arn && data.aws_kms_alias.symmetric.target_key_arn == aws_kms_key.symmetric.arn
    same_id   = aws_kms_replica_key.replica.key_id == aws_kms_key.primary.key_id
    signs     = join(" ", data.aws_kms_public_key.signer.signing_algorithms)
    connected = data.aws_kms_custom_key_store.outside.connection_state
    rotates   = data.aws_kms_key.by_alias.enabled
  }
}

# Every aws_iam_* resource and data source that QKMS has operations for. The grant of main.tf is to a role made
# here.

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "use" {
  statement {
    actions   = ["kms:Encrypt", "kms:Decrypt"]
    resources = [aws_kms_key.symmetric.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:tenant"
      values   = ["$${aws:PrincipalTag/tenant}"]
    }
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.alice.arn]
    }
  }
}

data "aws_iam_policy_document" "web" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.tokens.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "tokens.example.com:sub"
      values   = ["repo:a/b"]
    }
  }
}

resource "aws_iam_user" "alice" {
  name                 = "alice"
  path                 = "/staff/"
  force_destroy        = true
  permissions_boundary = aws_iam_policy.limit.arn
  tags                 = { tenant = "a", "cost center" = "7" }
}

resource "aws_iam_user" "bob" { name = "bob" }

resource "aws_iam_access_key" "alice" { user = aws_iam_user.alice.name }

resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = "Inactive"
}

resource "aws_iam_user_policy" "alice" {
  name   = "use"
  user   = aws_iam_user.alice.name
  policy = data.aws_iam_policy_document.use.json
}

resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.use.arn
}

resource "aws_iam_group" "team" {
  name = "team"
  path = "/staff/"
}

resource "aws_iam_group" "crew" { name = "crew" }

resource "aws_iam_group_membership" "team" {
  name  = "team"
  group = aws_iam_group.team.name
  users = [aws_iam_user.alice.name, aws_iam_user.bob.name]
}

resource "aws_iam_user_group_membership" "bob" {
  user   = aws_iam_user.bob.name
  groups = [aws_iam_group.crew.name]
}

resource "aws_iam_group_policy" "team" {
  name   = "use"
  group  = aws_iam_group.team.name
  policy = data.aws_iam_policy_document.use.json
}

resource "aws_iam_group_policy_attachment" "team" {
  group      = aws_iam_group.team.name
  policy_arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
}

resource "aws_iam_policy" "use" {
  name        = "use"
  path        = "/keys/"
  description = "uses a key"
  policy      = data.aws_iam_policy_document.use.json
  tags        = { team = "a" }
}

resource "aws_iam_policy" "limit" {
  name   = "limit"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:*", Resource = "*" }] })
}

resource "aws_iam_policy" "shared" {
  name   = "shared"
  policy = jsonencode({ Version = "2012-10-17", Statement = { Effect = "Deny", Action = "kms:ScheduleKeyDeletion", Resource = "*" } })
}

resource "aws_iam_policy_attachment" "shared" {
  name       = "shared"
  users      = [aws_iam_user.bob.name]
  groups     = [aws_iam_group.crew.name]
  roles      = [aws_iam_role.reader.name]
  policy_arn = aws_iam_policy.shared.arn
}

resource "aws_iam_role" "reader" {
  name                  = "reader"
  path                  = "/app/"
  description           = "reads"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  max_session_duration  = 7200
  force_detach_policies = true
  permissions_boundary  = aws_iam_policy.limit.arn
  tags                  = { team = "a" }
}

resource "aws_iam_role" "keeper" {
  name               = "keeper"
  assume_role_policy = data.aws_iam_policy_document.web.json
}

resource "aws_iam_role_policy" "reader" {
  name   = "use"
  role   = aws_iam_role.reader.id
  policy = data.aws_iam_policy_document.use.json
}

resource "aws_iam_role_policy_attachment" "reader" {
  role       = aws_iam_role.reader.name
  policy_arn = aws_iam_policy.use.arn
}

resource "aws_iam_role_policies_exclusive" "reader" {
  role_name    = aws_iam_role.reader.name
  policy_names = [aws_iam_role_policy.reader.name]
}

resource "aws_iam_openid_connect_provider" "tokens" {
  url             = "https://tokens.example.com"
  client_id_list  = ["sts.amazonaws.com", "another"]
  thumbprint_list = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
  tags            = { team = "a" }
}

data "aws_iam_user" "alice" { user_name = aws_iam_user.alice.name }
data "aws_iam_users" "staff" {
  path_prefix = "/staff/"
  depends_on  = [aws_iam_user.alice, aws_iam_user.bob]
}
data "aws_iam_group" "team" {
  group_name = aws_iam_group.team.name
  depends_on = [aws_iam_group_membership.team]
}
data "aws_iam_role" "reader" { name = aws_iam_role.reader.name }
data "aws_iam_roles" "app" {
  path_prefix = "/app/"
  depends_on  = [aws_iam_role.reader, aws_iam_role.keeper]
}
data "aws_iam_policy" "use" { arn = aws_iam_policy.use.arn }
data "aws_iam_policy" "by_name" { name = aws_iam_policy.limit.name }
data "aws_iam_policy" "of_aws" { arn = "arn:aws:iam::aws:policy/AdministratorAccess" }
data "aws_iam_access_keys" "alice" { user = aws_iam_access_key.alice.user }
data "aws_iam_openid_connect_provider" "tokens" { url = "https://${aws_iam_openid_connect_provider.tokens.url}" }
data "aws_iam_session_context" "me" { arn = data.aws_caller_identity.me.arn }

output "identities" {
  value = {
    account = data.aws_caller_identity.me.account_id
    alice   = data.aws_iam_user.alice.arn
    staff   = join(" ", data.aws_iam_users.staff.names)
    team    = join(" ", sort(data.aws_iam_group.team.users[*].user_name))
    reader  = data.aws_iam_role.reader.max_session_duration == 7200 && data.aws_iam_role.reader.unique_id == aws_iam_role.reader.unique_id
    app     = join(" ", data.aws_iam_roles.app.names)
    use     = data.aws_iam_policy.use.policy == data.aws_iam_policy_document.use.json || jsondecode(data.aws_iam_policy.use.policy) == jsondecode(data.aws_iam_policy_document.use.json)
    by_name = data.aws_iam_policy.by_name.policy_id == aws_iam_policy.limit.policy_id
    of_aws  = data.aws_iam_policy.of_aws.name
    keys    = length(data.aws_iam_access_keys.alice.access_keys)
    tokens  = join(" ", sort(data.aws_iam_openid_connect_provider.tokens.client_id_list))
  }
}

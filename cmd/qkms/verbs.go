package main

import (
	"time"

	"qkms/internal/admin"
	"qkms/internal/throttle"
)

// opens are the flags of every verb that may have to open the store.
const opens = "data store store-file staleness-bound root-key passphrase-file "

// verbs is the table of commands, in the order of help.
func verbs() []verb {
	return []verb{
		{
			name:  "dev",
			brief: "Serve for development: a store is made, credentials are printed",
			about: `
Plain HTTP on loopback only. On the first start a store is made in --data, with an access key, and a
key that alias/dev names; every later start over the same data prints the same credentials. Every
well-formed Region is served. The root key lies beside the data: for tests and trials, not for secrets.

A --seed file makes sure of fixtures, the same on every machine:

    version: 1
    account: 111122223333        # of what names no other
    region: us-east-1
    access_keys:
      - id: AKIAIOSFODNN7EXAMPLE
        secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
      - {id: AKIAEXAMPLEOFALICE01, secret: not-a-secret, user: alice}
    identities:                  # as in the file of "qkms iam apply", a list with an entry for each account
      - users:
          - {name: alice, policies: ["arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"]}
    keys:
      - id: 1234abcd-12ab-34cd-56ef-1234567890ab
        material: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f   # hex or base64; random if left out
        aliases: [alias/app]
        enabled: true

Keys and access keys that are there are left as they are, and what contradicts the file is an error; identities
that are listed are made at each start what the file says.`,
			takes:    "listen console console-url operator-account console-oidc-issuer console-oidc-client-id console-oidc-client-secret-file console-oidc-role metrics-listen drain-delay otlp-traces data arn-style env-file seed account region attestation-roots oidc-ca oidc-allow quota rates ready-pairs max-connections connections-per-address queue-delay cache-bytes audit-spool audit-sink audit-retention log-format",
			defaults: func(c *Config) { c.Listen, c.Console = "127.0.0.1:8020", true },
			run:      dev,
		},
		{
			name:  "init",
			brief: "Make the store of a new deployment, its root key, TLS pair and first access key",
			about: `
The root key is made in DIR/root.key, or where --root-key says, or is wrapped under a passphrase: keep
it, or a copy, apart from the data and from backups. The TLS pair is signed by a CA made for it, whose
certificate is printed for clients to trust. The access key is printed once.

With --store the store is made in an empty PostgreSQL database, whose owner the user must be.

Nothing is ever overwritten. Interrupted, init is run again and makes what is missing. A certificate is
renewed by removing DIR/tls/server.crt and DIR/tls/server.key and running init again: the CA stays.

A root key that is handed over, as the systemd credential qkms-root-key, is used and never made.`,
			takes: opens + "account hostname no-tls no-access-key",
			run:   initialise,
		},
		{
			name:  "serve",
			brief: "Serve the API from an initialised data directory",
			about: `
TLS 1.3, with the pair of init or the one given. With --metrics-listen, /readyz says 503 for --drain-delay
after SIGTERM or SIGINT before connections are refused. SIGTERM and SIGINT let requests end for up to 30
seconds; a second one ends the process at once.

With --store the store is in a PostgreSQL database, made by init with the same --store, and any number of servers
share it, each with a data directory of its own, where its audit log stays. What the URL
leaves out is taken from PGPASSFILE, PGPASSWORD, PGSSLROOTCERT and the other variables of PostgreSQL's clients.

What opens the store, the first that applies: --root-key; $QKMS_ROOT_KEY_FILE; the systemd credential
qkms-root-key; DIR/root.key; --passphrase-file; a passphrase asked for on the terminal.`,
			takes:    opens + "store-replication listen console console-url operator-account console-oidc-issuer console-oidc-client-id console-oidc-client-secret-file console-oidc-role metrics-listen drain-delay otlp-traces tls-cert tls-key no-tls insecure-http regions arn-style partition attestation-roots oidc-ca oidc-allow quota rates ready-pairs max-connections connections-per-address queue-delay cache-bytes audit-spool audit-sink audit-retention log-format",
			defaults: func(c *Config) { c.Listen, c.Rates = ":8443", throttle.AWS() },
			run:      serve,
		},
		{
			name:  "access-key create",
			brief: "Make an access key for a user, or for the root user of an account",
			about: "With --service it is a service principal's, which belongs to no account and may do what key policies and grants\nallow it by its name: for tests of integrations, where one program plays a service of AWS.\n\n" + viaServer,
			takes: opens + "account user description service json",
			run:   accessKeyCreate,
		},
		{
			name:     "access-key list",
			brief:    "List access keys, without their secrets",
			about:    viaServer,
			takes:    opens + "account json",
			defaults: func(c *Config) { c.Account = "" },
			run:      accessKeyList,
		},
		{
			name:     "access-key disable",
			brief:    "Make an access key be refused, from its next request on",
			operands: "ID",
			about:    viaServer,
			takes:    opens + "json",
			run:      onAccessKey(admin.DisableAccessKey, "disabled"),
		},
		{
			name:     "access-key enable",
			brief:    "Make a disabled access key work again",
			operands: "ID",
			about:    viaServer,
			takes:    opens + "json",
			run:      onAccessKey(admin.EnableAccessKey, "active"),
		},
		{
			name:     "access-key delete",
			brief:    "Remove an access key for good",
			operands: "ID",
			about:    viaServer,
			takes:    opens + "json",
			run:      onAccessKey(admin.DeleteAccessKey, "deleted"),
		},
		{
			name:  "session create",
			brief: "Make temporary credentials of a user or a role, without asking anybody's policies",
			about: `
With --via requests look as if that service had forwarded them (kms:ViaService, aws:CalledVia), for tests of
integrations. They are recorded as the user's or the role's; that they were made is recorded too. They last for
--duration, 15 minutes to 12 hours, or until the user or the role is deleted or renamed.

` + viaServer,
			takes:    opens + "account user role via duration json",
			defaults: func(c *Config) { c.Identity.Duration = time.Hour },
			run:      sessionCreate,
		},
		{
			name:     "certificate add",
			brief:    "Let who holds the key of a TLS client certificate have sessions of a role",
			operands: "FILE",
			about: `
FILE is PEM, a certificate or a public key. It is the key that is registered: who certifies it does not matter, and
a certificate that was renewed over the same key goes on working until the end of the one registered here. The
role's trust policy has to allow it too: the statement is printed. One key leads to one role.

` + viaServer,
			takes: opens + "account role name partition json",
			run:   certificateAdd,
		},
		{
			name:  "certificate list",
			brief: "List the client certificates of an account",
			about: viaServer,
			takes: opens + "account json",
			run:   certificateList,
		},
		{
			name:     "certificate delete",
			brief:    "Take a client certificate's role away",
			operands: "NAME",
			about:    viaServer,
			takes:    opens + "account json",
			run:      certificateDelete,
		},
		{
			name:  "credentials",
			brief: "Exchange a TLS client certificate for temporary credentials, and print them for an SDK",
			about: `
What it prints is what the SDKs and the CLI of AWS read from a credential_process, in ~/.aws/config:

    [profile build]
    credential_process = qkms credentials --endpoint https://kms.example.com:8443 --ca /etc/qkms/ca.crt --cert /etc/build.pem
    endpoint_url = https://kms.example.com:8443

They ask again before the credentials end. Without --duration those last for an hour, or less if the role says so.`,
			takes: "endpoint cert key ca name duration",
			run:   credentials,
		},
		{
			name:     "iam apply",
			brief:    "Make users, groups, roles and policies what a file says",
			operands: "FILE",
			about:    aboutApply,
			takes:    opens + "account plan prune json",
			run:      iamApply,
		},
		{
			name:  "root rotate",
			brief: "Wrap the keys of the store under a new root key",
			about: `
Without a flag the key file that opened the store is replaced by one with a new key; a crash at any
moment leaves a store that opens. With --new-root-key or --new-passphrase-file that alone opens the
store from now on: give it to the service before its next start. A key file is made by whoever has the
store open, so it must be where the server may write. Other sources are added again with
` + "`qkms root add`" + `. Records and ciphertexts are not touched.

Backups from before still open with the former root only. After a leak rotate the KEK too: whoever
had the former root and a copy of the store has the KEK.

` + viaServer,
			takes: opens + "new-root-key new-passphrase-file",
			run:   rootRotate,
		},
		{
			name:  "root add",
			brief: "Let a further key file or passphrase open the store",
			about: "What is added opens the same root key; to take a source away, rotate the root.\n\n" + viaServer,
			takes: opens + "new-root-key new-passphrase-file",
			run:   rootAdd,
		},
		{
			name:  "kek rotate",
			brief: "Seal every record again under a new key encryption key, and drop the former one",
			about: "Requests are served meanwhile. Interrupted, it goes on when it is run again, or by itself\nwhere a server runs. Old backups keep opening with what opened them.\n\n" + viaServer,
			takes: opens + "json",
			run:   kekRotate,
		},
		{
			name:  "kek list",
			brief: "List the key encryption keys of the store",
			about: viaServer,
			takes: opens + "json",
			run:   kekList,
		},
		{
			name:  "backup",
			brief: "Write the store into a file, while it is in use, and read it back",
			about: aboutBackup + viaServer,
			takes: opens + "to into keep json",
			run:   backUp,
		},
		{
			name:  "restore",
			brief: "Make a deployment of a backup, without what was revoked since; or prove that it could be made",
			about: aboutRestore,
			takes: "data root-key passphrase-file from verify no-reapply audit-dir json",
			run:   restoring,
		},
		{
			name:     "move",
			brief:    "Move the store between a data directory and a PostgreSQL database",
			operands: "SRC DST",
			about:    aboutMove,
			takes:    "json",
			run:      move,
		},
		{
			name:  "migrate",
			brief: "Bring a store in PostgreSQL to the format of this version, while nodes serve",
			about: aboutMigrate,
			takes: "store store-file json",
			run:   migrate,
		},
		{
			name:  "audit tail",
			brief: "Print the newest audit records",
			about: offline,
			takes: "data audit-dir n f",
			run:   auditTail,
		},
		{
			name:  "audit search",
			brief: "Print the audit records of an event, key, caller, failure or time",
			about: "What is given must all hold; without anything all records are printed. Each is a line of JSON, in the\norder of the log.\n\n" + offline,
			takes: "data audit-dir event key principal error since until",
			run:   auditSearch,
		},
		{
			name:  "audit verify",
			brief: "Prove that the audit log is the one that was signed; exit 1 if it is not",
			about: `
Reads every line, and names each record that was altered, removed, moved or added, by file and line. That
records were cut off at the end together with their checkpoints shows only against a checkpoint that was
kept elsewhere: copy the file checkpoint of the log's directory away, now and then, and give it with
--checkpoint. Segments that were moved away are named as not read; put them back to have them read.

` + offline,
			takes: "data audit-dir verifier-key checkpoint",
			run:   auditVerify,
		},
		{
			name:     "audit prove",
			brief:    "Print a proof that a record is in the log, or that the log only grew",
			operands: "[OLD] [NEW]",
			about: `
    qkms audit prove --event ID
    qkms audit prove --consistency OLD [NEW]

OLD and NEW are files with checkpoints, or numbers of records at a checkpoint; NEW is the newest if left
out. Whoever has the log's public key checks a proof with "qkms audit check", or without QKMS:
docs/formats/audit-checkpoint.md.

` + offline,
			takes: "data audit-dir verifier-key event consistency",
			run:   auditProve,
		},
		{
			name:     "audit check",
			brief:    "Check a proof with nothing but the log's public key; exit 1 if it does not hold",
			operands: "FILE",
			about: `
FILE is a proof that "qkms audit prove" printed or the console gave. It is checked on any machine: neither the log nor a
server is asked. Take the key from whoever operates the log, not from who brings the proof.`,
			takes: "verifier-key",
			run:   auditCheck,
		},
		{
			name:  "audit key",
			brief: "Print the public key that the audit log is verified with",
			about: "Keep it away from the log.\n\n" + offline,
			takes: "data audit-dir",
			run:   auditKey,
		},
		{
			name:  "explain",
			brief: "Say why a request would be allowed or refused; exit 1 if refused",
			about: `
Asked like this:

    qkms explain --principal user/alice --action kms:Decrypt --key alias/orders --context App=orders
    qkms explain --principal 444455556666 --action kms:Encrypt --key arn:aws:kms:us-east-1:111122223333:key/…
    qkms explain --principal assumed-role/app/any --action iam:CreateUser
    qkms explain --principal user/alice --action sts:AssumeRole --resource arn:aws:iam::111122223333:role/app

The request is made up and decided by the code that decides real ones, as of now: by which statement of which
policy or by which grant, what came near to it, and what would have been enough. A session is one taken now,
without a session policy; it need not exist, its role must. TLS is taken for granted, an address or a user
agent is not: --condition says what the request is to say, as in --condition aws:SourceIp=192.0.2.1. State and
usage of the key are not looked at.

With another account's key it tells what neither of the two accounts may know of the other.

` + viaServer,
			takes: opens + "principal action key resource grant account region context condition grant-operations partition arn-style json",
			run:   explainRequest,
		},
		{
			name:  "doctor",
			brief: "Look at everything that could be wrong; exit 1 if something is",
			about: "Reads the whole store and the whole audit log.\n\n" + viaServer + "\n" + aboutStoreTest,
			takes: opens + "store-replication tls-cert tls-key no-tls audit-spool store-test store-test-cases json",
			run:   doctor,
		},
		{name: "version", brief: "Print what this build is", run: version},
		{name: "help", brief: "List the verbs", run: help},
	}
}

const offline = `It reads files and needs neither store nor root key, so it works on a copy as well, and while a server
runs.`

const viaServer = `While a server runs on the data directory it does this, asked through its socket there; otherwise the
store is opened for it. Either way the audit log tells who did it.`

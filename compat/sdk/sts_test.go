package sdk_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"qkms/compat/harness"
)

// config is that of a program with these credentials and one endpoint.
func config(s *harness.Server, p aws.CredentialsProvider) aws.Config {
	return aws.Config{BaseEndpoint: aws.String(s.URL), Region: s.Region, Credentials: p, HTTPClient: s.Client, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func static(id, secret string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(id, secret, "")
}

// worker makes a user who may assume roles, and a role of that name which trust lets in and which may list keys.
func worker(t *testing.T, s *harness.Server, name, trust string) (user aws.CredentialsProvider, role string) {
	t.Helper()
	c := iam.NewFromConfig(config(s, static(s.AccessKeyID, s.Secret)))
	made, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
	ok(t, made, err)
	put, err := c.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*","kms:ListKeys"],"Resource":"*"}]}`)})
	ok(t, put, err)
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	ok(t, key, err)
	r, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	ok(t, r, err)
	own, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}`)})
	ok(t, own, err)
	return static(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey), *r.Role.Arn
}

// A profile with role_arn is this provider of the SDK's; so is Terraform's assume_role.
func TestAssumeRole(t *testing.T) {
	s := harness.Start(t)
	user, role := worker(t, s, "worker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"ext"}}}]}`)
	c := sts.NewFromConfig(config(s, user))
	provider := stscreds.NewAssumeRoleProvider(c, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.ExternalID, o.Duration = "job", aws.String("ext"), 15*time.Minute
		o.Tags = []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
		o.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","sts:*"],"Resource":"*"}]}`)
		o.PolicyARNs = []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}}
	})
	keys, err := kms.NewFromConfig(config(s, provider)).ListKeys(t.Context(), &kms.ListKeysInput{})
	ok(t, keys, err)
	who, err := sts.NewFromConfig(config(s, provider)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if got, want := *ok(t, who, err).Arn, "arn:aws:sts::"+account+":assumed-role/worker/job"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("job")})
	harness.Refused(t, err, "AccessDenied", "User: arn:aws:iam::"+account+":user/worker is not authorized to perform: sts:AssumeRole on resource: "+role)
	_, err = c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("job"), ExternalId: aws.String("ext"), Policy: aws.String("{")})
	if err == nil || !strings.Contains(err.Error(), "MalformedPolicyDocument") {
		t.Errorf("got %v, want MalformedPolicyDocument", err)
	}
	token, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	own := ok(t, token, err).Credentials
	session := credentials.NewStaticCredentialsProvider(*own.AccessKeyId, *own.SecretAccessKey, *own.SessionToken)
	listed, err := kms.NewFromConfig(config(s, session)).ListKeys(t.Context(), &kms.ListKeysInput{})
	ok(t, listed, err)
	_, err = iam.NewFromConfig(config(s, session)).GetUser(t.Context(), &iam.GetUserInput{})
	harness.Refused(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// What Kubernetes and CI services do: a token in a file, and AWS_ROLE_ARN.
func TestAssumeRoleWithWebIdentity(t *testing.T) {
	s := harness.Start(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, key, err)
	var issuer string
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["RS256"]}`, issuer, issuer+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"1","alg":"RS256","use":"sig","n":%q,"e":%q}]}`, word(key.N.Bytes()), word(big.NewInt(int64(key.E)).Bytes()))
	})
	idp := httptest.NewServer(mux)
	t.Cleanup(idp.Close)
	issuer = idp.URL
	name := strings.TrimPrefix(issuer, "http://")
	token := func(sub string) string {
		claims, _ := json.Marshal(map[string]any{"iss": issuer, "sub": sub, "aud": "qkms", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()})
		signed := word([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + word(claims)
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		return signed + "." + word(ok(t, signature, err))
	}
	registered, err := iam.NewFromConfig(config(s, static(s.AccessKeyID, s.Secret))).CreateOpenIDConnectProvider(t.Context(),
		&iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://" + name), ClientIDList: []string{"qkms"}})
	arn := *ok(t, registered, err).OpenIDConnectProviderArn
	_, role := worker(t, s, "pod", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+arn+`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"`+name+`:sub":"pod-1"}}}]}`)

	file := filepath.Join(t.TempDir(), "token")
	write := func(sub string) {
		if err := os.WriteFile(file, []byte(token(sub)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pod-1")
	nobody := config(s, aws.AnonymousCredentials{})
	provider := stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(nobody), role, stscreds.IdentityTokenFile(file))
	keys, err := kms.NewFromConfig(config(s, provider)).ListKeys(t.Context(), &kms.ListKeysInput{})
	ok(t, keys, err)
	write("pod-2")
	_, err = provider.Retrieve(t.Context())
	harness.Refused(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	write("pod-1")
	text, err := os.ReadFile(file)
	ok(t, text, err)
	_, err = sts.NewFromConfig(nobody).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("pod"), WebIdentityToken: aws.String(string(text) + "A")})
	if err == nil {
		t.Error("a token with a longer signature: got success, want a refusal")
	}
}

func word(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

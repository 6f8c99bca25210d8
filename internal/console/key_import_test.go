package console_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

// upload is post of a form with files.
func (b *browser) upload(path string, files map[string][]byte, fields ...string) *page {
	b.t.Helper()
	body, kind := b.multipart(files, fields...)
	res, err := b.http.Post(b.s.URL+path, kind, body)
	return b.page(res, err)
}

func (b *browser) multipart(files map[string][]byte, fields ...string) (*bytes.Buffer, string) {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	values := map[string]string{"csrf": b.csrf()}
	for i := 0; i < len(fields); i += 2 {
		values[fields[i]] = fields[i+1]
	}
	for name, value := range values {
		if err := form.WriteField(name, value); err != nil {
			b.t.Fatal(err)
		}
	}
	for field, content := range files {
		w, err := form.CreateFormFile(field, field+".bin")
		if err != nil {
			b.t.Fatal(err)
		}
		_, _ = w.Write(content) // a buffer takes everything
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	return &body, form.FormDataContentType()
}

var downloads = regexp.MustCompile(`href="data:application/octet-stream;base64,([^"]+)" download="([^"]+)"`)

// parameters asks for a wrapping key and its token, and keeps both.
func (b *browser) parameters(id, algorithm, size string) (*shell, *page) {
	b.t.Helper()
	p := b.post("/console/keys/"+id+"/import/parameters", "algorithm", algorithm, "size", size)
	p.want(http.StatusOK, "Both are good until", "openssl pkeyutl")
	s := &shell{b.t, map[string][]byte{}}
	for _, m := range downloads.FindAllStringSubmatch(strings.ReplaceAll(p.text, "&#43;", "+"), -1) {
		content, err := base64.StdEncoding.DecodeString(m[1])
		if err != nil {
			b.t.Fatalf("%s: %v", m[2], err)
		}
		s.files[m[2]] = content
	}
	return s, p
}

// The commands on the page are true: what they make is imported.
func TestWrapCommands(t *testing.T) {
	b, root, _ := aKey(t, `{}`)
	for spec, row := range map[string]struct{ usage, algorithm, size string }{
		"SYMMETRIC_DEFAULT":     {"ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256", "RSA_2048"},
		"HMAC_224":              {"GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_1", "RSA_2048"},
		"HMAC_512":              {"GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256", "RSA_3072"},
		"RSA_2048":              {"SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"},
		"RSA_3072":              {"ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"},
		"ECC_NIST_P256":         {"SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_2048"},
		"ECC_NIST_P384":         {"KEY_AGREEMENT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"},
		"ECC_NIST_P521":         {"SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_3072"},
		"ECC_NIST_EDWARDS25519": {"SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"},
	} {
		t.Run(spec, func(t *testing.T) {
			id := root.Must("CreateKey", map[string]any{"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": row.usage}).String("KeyMetadata.KeyId")
			here := *b
			here.t = t
			s, p := here.parameters(id, row.algorithm, row.size)
			s.do(p, "make")
			s.do(p, "wrap")
			here.upload("/console/keys/"+id+"/import", map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}, "lasts", "ever").
				want(http.StatusOK, "The material was imported", "It does not expire.", "Enabled")
			if !has(root, "DescribeKey", id, `"Enabled":true`) {
				t.Error("the key cannot be used")
			}
		})
	}
}

// Every algorithm that is offered for a key is one that it can be imported by.
func TestOfferedWrappings(t *testing.T) {
	b, root, _ := aKey(t, `{}`)
	for spec, usage := range map[string]string{"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT", "HMAC_384": "GENERATE_VERIFY_MAC", "RSA_4096": "SIGN_VERIFY", "ECC_SECG_P256K1": "SIGN_VERIFY"} {
		id := root.Must("CreateKey", map[string]any{"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage}).String("KeyMetadata.KeyId")
		offered := regexp.MustCompile(`<option[^>]*>(RSA\w+_SHA_\d+)</option>`).FindAllStringSubmatch(b.get("/console/keys/"+id+"/import").text, -1)
		if len(offered) < 2 {
			t.Errorf("%s: got %v, want some to choose from", spec, offered)
		}
		for _, m := range offered {
			b.parameters(id, m[1], "RSA_2048")
		}
	}
}

// pending is a key without material, a wrapping key and its token.
func pending(t *testing.T) (b *browser, root *kmstest.Client, id string, s *shell, p *page) {
	t.Helper()
	b, root, id = aKey(t, `{"Origin":"EXTERNAL"}`)
	s, p = b.parameters(id, "RSAES_OAEP_SHA_256", "RSA_2048")
	s.do(p, "make")
	s.do(p, "wrap")
	return b, root, id, s, p
}

// Material that expires, another one, and the first again: also without files, as base64.
func TestImportAgain(t *testing.T) {
	b, root, id, s, p := pending(t)
	at := "/console/keys/" + id
	b.get(at).want(http.StatusOK, at+"/import\">Import material</a>")
	p.want(http.StatusOK, ">\n"+strings.ReplaceAll(encoded(s.files["import-token.bin"]), "+", "&#43;")+"</textarea>")
	until := root.Server.Clock.Now().UTC().AddDate(0, 0, 30)
	b.post(at+"/import", "material", encoded(s.files["wrapped-material.bin"]), "token", encoded(s.files["import-token.bin"]), "lasts", "until", "until", until.Format("2006-01-02T15:04"), "note", "of paper").
		want(http.StatusOK, "the key can be used", "It expires", until.Format("2006-01-02 15:04:00 UTC"))
	b.get(at+"/import").want(http.StatusOK, "Encrypts and decrypts", "of paper", "One that the key had")

	again := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	b.upload(at+"/import", again, "lasts", "ever", "type", "same").want(http.StatusOK, "the same that the key had", "It does not expire.")
	s.do(p, "make")
	s.do(p, "wrap")
	another := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	b.upload(at+"/import", another, "lasts", "ever", "type", "same").want(http.StatusBadRequest, "IncorrectKeyMaterialException", "A key takes back what it had")
	b.upload(at+"/import", another, "lasts", "ever", "type", "new").want(http.StatusOK, "waits for the next rotation")
	b.get(at+"/rotation").want(http.StatusOK, "Waits for the next rotation")
	b.upload(at+"/import", again, "lasts", "ever", "type", "new").want(http.StatusBadRequest, "IncorrectKeyMaterialException")
}

// What cannot be imported is refused with what to do about it, comes back as it was brought – but what may be in clear – and changes nothing.
func TestImportRefused(t *testing.T) {
	b, root, id, s, _ := pending(t)
	other, _ := b.parameters(root.Must("CreateKey", `{"Origin":"EXTERNAL"}`).String("KeyMetadata.KeyId"), "RSAES_OAEP_SHA_256", "RSA_2048")
	k, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	clear := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	token, wrapped := encoded(s.files["import-token.bin"]), encoded(s.files["wrapped-material.bin"])
	garbage := encoded(bytes.Repeat([]byte{7}, 256))
	past := root.Server.Clock.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04:05")
	for name, row := range map[string]struct {
		material, token, lasts, until string
		says                          string
		back, gone                    string // what is in the page again, and what is not
	}{
		"in clear":                    {encoded(s.files["key-material.bin"]), token, "ever", "", "NotWrapped", token, encoded(s.files["key-material.bin"])},
		"a private key in clear":      {encoded(der), token, "ever", "", "NotWrapped", token, encoded(der)},
		"a private key in PEM":        {encoded(clear), token, "ever", "", "NotWrapped", token, encoded(clear)},
		"nothing wrapped":             {"", token, "ever", "", "The wrapped material is missing", token, ""},
		"no token":                    {wrapped, "", "ever", "", "The import token is missing", "", ""},
		"no base64":                   {wrapped, "!<script>", "ever", "", "NotBase64", wrapped, "<script>"},
		"in clear, as the token":      {wrapped, encoded(s.files["key-material.bin"]), "ever", "", "NoToken", wrapped, encoded(s.files["key-material.bin"])},
		"a private key as the token":  {wrapped, encoded(der), "ever", "", "NoToken", wrapped, encoded(der)},
		"PEM that is not in base64":   {string(clear), token, "ever", "", "NotWrapped", token, "PRIVATE KEY-----"},
		"before the API's time":       {wrapped, token, "until", "0000-01-31T12:00", "NotADate", wrapped, ""},
		"no date":                     {wrapped, token, "until", "", "NotADate", wrapped, ""},
		"a date that is none":         {wrapped, token, "until", `"><script>`, "NotADate", "&#34;&gt;&lt;script&gt;", `"><script>`},
		"how long is not said":        {wrapped, token, "", "", "NotADate", wrapped, ""},
		"in the past":                 {wrapped, token, "until", past, "ValidTo must be in the future", past, ""},
		"wrapped for nothing of ours": {garbage, token, "ever", "", "does not unwrap to material for this key", garbage, ""},
		"the token of another key":    {wrapped, encoded(other.files["import-token.bin"]), "ever", "", "not one of this key", wrapped, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.post("/console/keys/"+id+"/import", "material", row.material, "token", row.token, "lasts", row.lasts, "until", row.until)
			p.want(http.StatusBadRequest, row.says, strings.ReplaceAll(row.back, "+", "&#43;"))
			if row.gone != "" {
				p.without(row.gone, strings.ReplaceAll(row.gone, "+", "&#43;"))
			}
		})
	}
	b.post("/console/keys/"+id+"/import", "material", wrapped, "token", token, "lasts", "ever", "note", "<b>\u202e\"").
		want(http.StatusBadRequest, "ValidationException", "&lt;b&gt;<span class=\"unseen\">U+202E</span>", "value=\"&lt;b&gt;\u202e&#34;\"")
	b.post("/console/keys/"+id+"/import/parameters", "algorithm", "RSA_AES_KEY_WRAP_SHA_256", "size", "RSA_2048").want(http.StatusBadRequest, "cannot be used to import a SYMMETRIC_DEFAULT key")
	b.post("/console/keys/"+id+"/import/parameters", "algorithm", "<script>", "size", "RSA_2048").want(http.StatusBadRequest, "ValidationException")
	files := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	b.upload("/console/keys/"+id+"/import", files, "lasts", "ever", "csrf", "made-up").want(http.StatusForbidden, "StalePage")
	root.Server.Clock.Advance(24 * time.Hour)
	signedIn(t, root).upload("/console/keys/"+id+"/import", files, "lasts", "ever").want(http.StatusBadRequest, "ExpiredImportTokenException", "A token is good for 24 hours")
	if !has(root, "DescribeKey", id, `"PendingImport"`) {
		t.Error("something was imported")
	}
}

// A file of base64 is what the base64 says: wrapped material, or a key in clear that is not passed on.
func TestImportFilesOfBase64(t *testing.T) {
	b, root, id, s, _ := pending(t)
	at := "/console/keys/" + id + "/import"
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := func(b []byte) []byte { return []byte(encoded(b)[:64] + "\n" + encoded(b)[64:] + "\n") }
	private, token := text(x509.MarshalPKCS1PrivateKey(k)), text(s.files["import-token.bin"])
	p := b.upload(at, map[string][]byte{"material-file": private, "token-file": token}, "lasts", "ever")
	p.want(http.StatusBadRequest, "NotWrapped", "it is a private key")
	p.without(string(private[:64]))
	if !has(root, "DescribeKey", id, `"PendingImport"`) {
		t.Fatal("something was imported")
	}
	b.upload(at, map[string][]byte{"material-file": text(s.files["wrapped-material.bin"]), "token-file": token}, "lasts", "ever").want(http.StatusOK, "the key can be used")
}

// Importing what a disabled key had enables it, which the page says before and after; another material does not.
func TestImportIntoDisabled(t *testing.T) {
	b, root, id, s, p := pending(t)
	at := "/console/keys/" + id
	again := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	b.get(at + "/import").without("enables it")
	b.upload(at+"/import", again, "lasts", "ever").want(http.StatusOK, "the key can be used")
	b.get(at + "/import").without("enables it")
	root.Must("DisableKey", map[string]any{"KeyId": id})
	b.get(at+"/import").want(http.StatusOK, "The key is disabled.", "enables it", "leaves it disabled")
	s.do(p, "make")
	s.do(p, "wrap")
	b.upload(at+"/import", map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}, "lasts", "ever", "type", "new").want(http.StatusOK, "waits for the next rotation", `"state Disabled"`)
	b.upload(at+"/import", again, "lasts", "ever", "type", "same").want(http.StatusOK, "The key was disabled, and is enabled again", `"state Enabled"`)
}

// A key whose material has no id has it all the same.
func TestImportAgainIntoHMAC(t *testing.T) {
	b, root, _ := aKey(t, `{}`)
	id := root.Must("CreateKey", `{"Origin":"EXTERNAL","KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`).String("KeyMetadata.KeyId")
	at := "/console/keys/" + id
	s, p := b.parameters(id, "RSAES_OAEP_SHA_256", "RSA_2048")
	s.do(p, "make")
	s.do(p, "wrap")
	files := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	b.upload(at+"/import", files, "lasts", "ever").want(http.StatusOK, "the key can be used")
	b.upload(at+"/import", files, "lasts", "ever").want(http.StatusOK, "the same that the key had.")
	root.Must("DisableKey", map[string]any{"KeyId": id})
	b.get(at + "/import").without("leaves it disabled")
	b.upload(at+"/import", files, "lasts", "ever").want(http.StatusOK, "is enabled again")
}

// A form may have 256 KiB, its files with it.
func TestImportTooLong(t *testing.T) {
	b, root, id, s, _ := pending(t)
	body, kind := b.multipart(map[string][]byte{"material-file": make([]byte, 256<<10), "token-file": s.files["import-token.bin"]}, "lasts", "ever")
	hr := httptest.NewRequest("POST", root.Server.URL+"/console/keys/"+id+"/import", body)
	hr.Header.Set("Content-Type", kind)
	at, err := url.Parse(root.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(at) {
		hr.AddCookie(c)
	}
	w := httptest.NewRecorder()
	root.Server.Handler.ServeHTTP(w, hr)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "it may have 256 KiB") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Who may look and not import is refused that; of another account's key, and of one that takes no material, there is nothing to import into.
func TestImportByOthers(t *testing.T) {
	_, root, id, s, _ := pending(t)
	at := "/console/keys/" + id + "/import"
	files := map[string][]byte{"material-file": s.files["wrapped-material.bin"], "token-file": s.files["import-token.bin"]}
	ann := signedIn(t, root.Server.NewUser(kmstest.Account, "ann", document(`{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"}`)))
	ann.get(at).want(http.StatusOK, "wrapped", "kms:ListKeyRotations")
	ann.post(at+"/parameters", "algorithm", "RSAES_OAEP_SHA_256", "size", "RSA_2048").want(http.StatusForbidden, "kms:GetParametersForImport")
	ann.upload(at, files, "lasts", "ever").want(http.StatusForbidden, "kms:ImportKeyMaterial")
	bob := signedIn(t, root.Server.NewUser(kmstest.Account, "bob", document(`{"Effect":"Allow","Action":"kms:ImportKeyMaterial","Resource":"*"}`)))
	bob.get(at).want(http.StatusOK, "Not for you to see", "Import the wrapped material", "RSA_AES_KEY_WRAP_SHA_256")

	stranger := signedIn(t, root.Server.As("444455556666"))
	stranger.get(at).want(http.StatusNotFound, "NotFoundException")
	stranger.upload(at, files, "lasts", "ever").want(http.StatusNotFound, "NotFoundException")
	stranger.post(at+"/parameters", "algorithm", "RSAES_OAEP_SHA_256", "size", "RSA_2048").want(http.StatusNotFound)
	if !has(root, "DescribeKey", id, `"PendingImport"`) {
		t.Error("something was imported")
	}
	bob.upload(at, files, "lasts", "ever").want(http.StatusOK, "The material was imported")

	made := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	p := signedIn(t, root).get("/console/keys/" + made + "/import")
	p.want(http.StatusOK, "Nothing can be imported into this key: Made by this service")
	p.without("token-file")
	signedIn(t, root).get("/console/keys/" + made).without("/import\"")
}

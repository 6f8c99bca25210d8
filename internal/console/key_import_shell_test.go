package console_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"hash"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// A shell does commands of OpenSSL as its manual says, by Go's crypto: what a page tells people to type is done word for word, and a
// word that is not known here fails the test.
type shell struct {
	t     *testing.T
	files map[string][]byte
}

var commandsOf = regexp.MustCompile(`(?s)<pre id="(\w+)"[^>]*>(.*?)</pre>`)

// do is the commands in the <pre> with an id.
func (s *shell) do(p *page, id string) {
	s.t.Helper()
	for _, m := range commandsOf.FindAllStringSubmatch(p.text, -1) {
		if m[1] == id {
			text := strings.ReplaceAll(html.UnescapeString(m[2]), "\\\n", "")
			text = strings.ReplaceAll(text, "|\n", "|")
			for line := range strings.Lines(text) {
				s.line(strings.TrimSpace(line))
			}
			return
		}
	}
	s.t.Fatalf("there are no commands %q on the page: %s", id, p.text)
}

const hexOf = ` -K "$(od -An -v -tx1 aes-key.bin | tr -d ' \n')"`

func (s *shell) line(line string) {
	s.t.Helper()
	if piped, is := strings.CutSuffix(line, "|  openssl pkcs8 -topk8 -nocrypt -outform DER -out key-material.bin"); is {
		s.files["key-material.bin"] = s.pkcs8(strings.Fields(piped))
		return
	}
	byFile := strings.Contains(line, hexOf)
	words := strings.Fields(strings.Replace(line, hexOf, "", 1))
	switch {
	case len(words) == 5 && strings.HasPrefix(line, "openssl rand -out "):
		n, err := strconv.Atoi(words[4])
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		s.files[words[3]] = make([]byte, n)
		_, _ = rand.Read(s.files[words[3]])
	case strings.HasPrefix(line, "openssl pkeyutl -encrypt -pubin -keyform DER "):
		s.files[after(words, "-out")] = s.oaep(words)
	case strings.HasPrefix(line, "openssl enc -e -id-aes256-wrap-pad ") && byFile && after(words, "-iv") == "A65959A6": // the IV of RFC 5649 §3
		s.files[after(words, "-out")] = kmstest.WrapKWP(s.t, s.files["aes-key.bin"], s.files[after(words, "-in")])
	case len(words) == 5 && words[0] == "cat" && words[3] == ">":
		s.files[words[4]] = slices.Concat(s.files[words[1]], s.files[words[2]])
	case len(words) == 2 && words[0] == "rm":
		delete(s.files, words[1])
	default:
		s.t.Fatalf("not a command that is known here: %s", line)
	}
}

// after is the word that follows another.
func after(words []string, option string) string {
	if i := slices.Index(words, option); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

func (s *shell) oaep(words []string) []byte {
	s.t.Helper()
	hashes := map[string]func() hash.Hash{"rsa_oaep_md:sha1": sha1.New, "rsa_oaep_md:sha256": sha256.New}
	options := strings.Join(words, " ")
	name := regexp.MustCompile(`rsa_oaep_md:\w+`).FindString(options)
	if !strings.Contains(options, "-pkeyopt rsa_padding_mode:oaep") || hashes[name] == nil || !strings.Contains(options, strings.Replace(name, "oaep", "mgf1", 1)) {
		s.t.Fatalf("not the padding that was asked for: %s", options)
	}
	public, err := x509.ParsePKIXPublicKey(s.files[after(words, "-inkey")])
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := rsa.EncryptOAEP(hashes[name](), rand.Reader, public.(*rsa.PublicKey), s.files[after(words, "-in")], nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// pkcs8 is what genpkey makes.
func (s *shell) pkcs8(words []string) []byte {
	s.t.Helper()
	curves := map[string]elliptic.Curve{"ec_paramgen_curve:P-256": elliptic.P256(), "ec_paramgen_curve:P-384": elliptic.P384(), "ec_paramgen_curve:P-521": elliptic.P521()}
	var made crypto.PrivateKey
	var err error
	switch option := after(words, "-pkeyopt"); after(words, "-algorithm") {
	case "RSA":
		bits, _ := strconv.Atoi(strings.TrimPrefix(option, "rsa_keygen_bits:"))
		made, err = rsa.GenerateKey(rand.Reader, bits)
	case "EC":
		made, err = ecdsa.GenerateKey(curves[option], rand.Reader)
	case "ED25519":
		_, made, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		s.t.Fatal(err)
	}
	return der
}

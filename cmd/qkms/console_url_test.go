package main

import (
	"net/url"
	"strings"
	"testing"
)

// An address is kept as browsers write it, and what is none is refused where it is typed: with half an address nobody could sign in.
func TestConsoleURL(t *testing.T) {
	long := strings.Repeat("a", 64)
	for given, want := range map[string]string{
		"https://" + long + ".example":                            "",
		"https://" + strings.Repeat(long[:62]+".", 4) + "example": "",
		"https://kms.example.com":                                 "https://kms.example.com",
		"https://KMS.Example.com:443/":                            "https://kms.example.com",
		"https://kms.example.com:8443":                            "https://kms.example.com:8443",
		"https://kms.example.com/console/":                        "https://kms.example.com",
		"https://[2001:DB8::1]:443":                               "https://[2001:db8::1]",
		"https://[2001:0db8:0:0::0001]":                           "https://[2001:db8::1]",
		"https://[2001:DB8:0:0:1:0:0:1]":                          "https://[2001:db8::1:0:0:1]",
		"https://192.0.2.7":                                       "https://192.0.2.7",
		"https://xn--bcher-kva.example":                           "https://xn--bcher-kva.example",
		"https://kms":                                             "https://kms",
		"http://[0:0:0:0:0:0:0:1]:8020":                           "http://[::1]:8020",
		"http://127.0.0.1:8020":                                   "http://127.0.0.1:8020",
		"http://[::1]:80/console":                                 "http://[::1]",
		"http://kms.localhost":                                    "http://kms.localhost",
		"http://kms.example.com":                                  "",
		"kms.example.com":                                         "",
		"kms.example.com:443":                                     "",
		"https://":                                                "",
		"https://:8443":                                           "",
		"https://kms.example.com:":                                "",
		"https://kms.example.com:0":                               "",
		"https://kms.example.com:65536":                           "",
		"https://kms.example.com:0443":                            "",
		"https://kms.example.com:-1":                              "",
		"https://kms.example.com#":                                "",
		"https://kms.example.com/?":                               "",
		"https://kms.example.com/console/#":                       "",
		"https://.":                                               "",
		"https://kms.example.com.":                                "",
		"https://kms..example.com":                                "",
		"https://-.-":                                             "",
		"https://-kms.example.com":                                "",
		"https://kms-.example.com":                                "",
		"https://192.0.2.07":                                      "",
		"https://2130706433":                                      "",
		"https://127.0x1":                                         "",
		"https://[::ffff:192.0.2.7]":                              "",
		"https://2001:db8::1":                                     "",
		"https://[192.0.2.7]":                                     "",
		"https://kms.example.com/keys":                            "",
		"https://kms.example.com?a=b":                             "",
		"https://kms.example.com#a":                               "",
		"https://ann@kms.example.com":                             "",
		"https://k_ms.example.com":                                "",
		"https://b\u00fccher.example":                             "",
		"https://kms.example.com,b.example":                       "",
		"ftp://kms.example.com":                                   "",
		"https://*.example.com":                                   "",
		"https://[fe80::1%25eth0]":                                "",
		"":                                                        "",
	} {
		var u consoleURL
		err := u.Set(given)
		if got := u.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
}

func TestConsoleURLGoesWithConsole(t *testing.T) {
	c := Config{ConsoleURL: url.URL{Scheme: "https", Host: "kms.example.com"}}
	if _, err := c.consoleURL(); err == nil || !strings.Contains(err.Error(), "give --console") {
		t.Errorf("got %v", err)
	}
	c.Console = true
	if u, err := c.consoleURL(); err != nil || u.String() != "https://kms.example.com" {
		t.Errorf("got %v, %v", u, err)
	}
	if u, err := (&Config{Console: true}).consoleURL(); u != nil || err != nil {
		t.Errorf("without the flag: got %v, %v", u, err)
	}
}

package main

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A consoleURL is where people reach the console, as browsers write where a request is from: the host in small letters, and no port that
// the scheme means anyhow (RFC 6454 §6.2).
type consoleURL url.URL

func (u *consoleURL) String() string { return (*url.URL)(u).String() }
func (u *consoleURL) Set(s string) error {
	it, err := url.Parse(s)
	if err != nil || it.Scheme != "https" && it.Scheme != "http" || it.User != nil || it.RawQuery != "" || it.Fragment != "" {
		return errors.New("an address is written like https://kms.example.com")
	}
	if path := strings.TrimSuffix(it.Path, "/"); path != "" && path != "/console" {
		return errors.New("an address without a path: the console is at /console/, whatever is in front of it")
	}
	host, port := strings.ToLower(it.Hostname()), it.Port()
	if it.Scheme == "http" && !isLoopback(host) {
		return errors.New("https, as the console signs people in by what they type; http is for loopback")
	}
	if !isHost(host) || strings.HasSuffix(it.Host, ":") {
		return errors.New("a host is written as browsers send it, like kms.example.com, xn--bcher-kva.example or [2001:db8::1]")
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return errors.New("a port is a number from 1 to 65535")
	}
	if port == map[string]string{"https": "443", "http": "80"}[it.Scheme] {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	*u = consoleURL{Scheme: it.Scheme, Host: host}
	return nil
}

// isHost reports whether host is an address, or a name as it travels: of letters, digits, hyphens and dots.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return !strings.Contains(host, "%")
	}
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// consoleURL is that of the flag, or nil.
func (c *Config) consoleURL() (*url.URL, error) {
	switch {
	case c.ConsoleURL.Host == "":
		return nil, nil
	case !c.Console:
		return nil, errors.New("--console-url is for the console: give --console, too")
	}
	return &c.ConsoleURL, nil
}

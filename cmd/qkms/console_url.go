package main

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A consoleURL is where people reach the console, as browsers write where a request is from: the host in small letters, and no port that
// the scheme means anyhow (RFC 6454 §6.2).
type consoleURL url.URL

func (u *consoleURL) String() string { return (*url.URL)(u).String() }
func (u *consoleURL) Set(s string) error {
	it, err := url.Parse(s)
	if err != nil || it.Scheme != "https" && it.Scheme != "http" || it.User != nil || strings.ContainsAny(s, "?#") {
		return errors.New("an address is written like https://kms.example.com")
	}
	if path := strings.TrimSuffix(it.Path, "/"); path != "" && path != "/console" {
		return errors.New("an address without a path: the console is at /console/, whatever is in front of it")
	}
	host, port := asBrowsersWrite(it.Hostname()), it.Port()
	if it.Scheme == "http" && !isLoopback(host) {
		return errors.New("https, as the console signs people in by what they type; http is for loopback")
	}
	if !isHost(host) || strings.HasSuffix(it.Host, ":") {
		return errors.New("a host is written as browsers send it, like kms.example.com, xn--bcher-kva.example or [2001:db8::1]")
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535 || port[0] == '0') {
		return errors.New("a port is a number from 1 to 65535, without zeros before it")
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

// asBrowsersWrite is a host in small letters, and an address in its short form (RFC 5952): what browsers send, however it was typed.
func asBrowsersWrite(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return strings.ToLower(host)
}

// isHost reports whether host is an address, or a name as it travels. An IPv4 address in IPv6 browsers write in hexadecimal, and other
// than we do; there is no need for one.
func isHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == "" && !ip.Is4In6()
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	if len(host) > 253 || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") { // browsers read 0x7f.1 as an address (URL Standard, "ends in a number")
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool { return !isLabel(label) })
}

// isLabel reports whether label is a part of a host name: letters, digits, and hyphens between them (RFC 1123 §2.1).
func isLabel(label string) bool {
	return label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' &&
		strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
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

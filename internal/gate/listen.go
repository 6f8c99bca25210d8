package gate

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// HTTP returns an http.Server for h with the limits of this service; config is nil of plain HTTP. A client that sends its header or
// its body drop by drop loses its connection, and so does one that does not read its answers; one that only waits may keep it
// for two minutes, and less where Connections are short of room.
//
// Much of what is done to HTTP/2 servers is answered by net/http: streams that are reset while their handlers still run count as open
// ones, and more than four times as many as may be open end the connection (rapid reset, CVE-2023-44487); a header
// that goes on in CONTINUATION frames beyond MaxHeaderBytes ends it (CVE-2023-45288), as do 10,000 answers to pings
// or resets that nobody reads (CVE-2019-9512, -9514).
func HTTP(h http.Handler, config *tls.Config, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           arrivals{h},
		TLSConfig:         asking(config),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// "OPTIONS *" is a request like others: net/http would answer it itself, without a record.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     quiet(logger),
		ConnState:                    note,
		ConnContext:                  known,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:      100,      // RFC 9113 §6.5.2 recommends no less
			MaxReadFrameSize:          16 << 10, // the least (§4.2); net/http would take frames of 1 MiB into one buffer
			MaxDecoderHeaderTableSize: 4 << 10,  // the initial value (§6.5.2)
			// What may arrive without being read: of a refused request, whose body nobody reads, and of slow ones.
			MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			WriteByteTimeout:              10 * time.Second, // WriteTimeout is a stream's: this is of who reads nothing at all
		},
	}
}

// asking is config, or nil, with clients asked for a certificate. None is needed and no authority is believed: what
// it is good for is that its key is known (sts.AssumeRoleWithCertificate), and the handshake proves who has that.
func asking(config *tls.Config) *tls.Config {
	if config == nil {
		return nil
	}
	config = config.Clone()
	config.ClientAuth = tls.RequestClientCert
	return config
}

// quiet logs what net/http has to say, failed handshakes mostly, where an operator finds it if asked.
func quiet(logger *slog.Logger) *log.Logger {
	return slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
}

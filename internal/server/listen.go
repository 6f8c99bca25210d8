package server

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// HTTP returns an http.Server for h with the limits of this service; config is nil of plain HTTP. A client that sends its header or
// its body drop by drop loses its connection; one that only waits may keep it for two minutes.
func HTTP(h http.Handler, config *tls.Config, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         asking(config),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// "OPTIONS *" is a request like others: net/http would answer it itself, without a record.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     quiet(logger),
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

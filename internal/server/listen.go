package server

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// HTTP returns an http.Server for h with the limits of this service. A client that sends its header or
// its body drop by drop loses its connection; one that only waits may keep it for two minutes.
func HTTP(h http.Handler, config *tls.Config, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         config,
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

// quiet logs what net/http has to say, failed handshakes mostly, where an operator finds it if asked.
func quiet(logger *slog.Logger) *log.Logger {
	return slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
}

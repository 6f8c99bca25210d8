package main

import (
	"qkms/internal/node"
	"qkms/internal/trace"
)

// tracing makes the tracer of serve and dev, if somebody said where traces go. It sends nothing yet.
func (c *command) tracing() error {
	settings, on, err := trace.Settings(c.Traces, c.env)
	if err != nil {
		return misused("%v", err)
	}
	if !on {
		return nil
	}
	settings.Version, settings.Operations, settings.Logger = build(), node.Operations(), c.logger()
	c.tracer, err = trace.New(settings)
	return err
}
